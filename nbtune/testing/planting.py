"""Rows for other tasks than one label a text, with faults that `nbtune.check_data` should find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

Row = dict[str, Any]
Maker = Callable[[Row, Row], Row]
"""(a row of the training rows, a row of the test rows) to one with a fault."""
_LONG = "and so on and on, much further than what was asked for "

_PAIRS: Mapping[str, Maker] = {
    "duplicates": lambda own, other: own,
    "overlap": lambda own, other: other,
    "conflicts": lambda own, other: own | {"target": f"{own['target']}, or not"},
    "copied_sources": lambda own, other: (
        _new(own, "source") | {"target": _new(own, "source")["source"]}
    ),
    "long_targets": lambda own, other: _new(own, "source") | {"target": _LONG * 40},
    "markup": lambda own, other: own | {"source": f"<b>new</b> {own['source']} once more"},
    "unusable": lambda own, other: own | {"target": " "},
}
PLANTED: Mapping[str, Mapping[str, Maker]] = {
    "translation": _PAIRS,
    "question-answering": {
        "duplicates": lambda own, other: own,
        "overlap": lambda own, other: other,
        "context_overlap": lambda own, other: other | {"question": f"Again, {other['question']}"},
        "conflicts": lambda own, other: own
        | {"answer": own["context"].split()[0], "answer_start": 0},
        "whole_answers": lambda own, other: own
        | {"question": "What is said?", "answer": own["context"], "answer_start": 0},
        "unusable": lambda own, other: own
        | {"answer": "of this nobody speaks", "answer_start": -1},
    },
    "token-classification": {
        "duplicates": lambda own, other: own,
        "overlap": lambda own, other: other,
        "conflicts": lambda own, other: own | {"tags": " ".join("O" for _ in own["tags"].split())},
        "labels": lambda own, other: own
        | {"tokens": f"{own['tokens']} Townsville", "tags": f"{own['tags']} B-placename"},
        "unusable": lambda own, other: own | {"tags": own["tags"].split()[0]},
    },
    "text-generation": {
        "duplicates": lambda own, other: own,
        "overlap": lambda own, other: other,
        "conflicts": lambda own, other: own | {"completion": "Ask somebody else."},
        "echoes": lambda own, other: _copied(own, "prompt", "completion"),
        "unusable": lambda own, other: own | {"completion": " "},
    },
    "preference-tuning": {
        "duplicates": lambda own, other: own,
        "overlap": lambda own, other: other,
        "both_sides": lambda own, other: own
        | {"chosen": own["rejected"], "rejected": own["chosen"]},
        "unusable": lambda own, other: own | {"rejected": own["chosen"]},
    },
    "multi_label_classification": {
        "duplicates": lambda own, other: own,
        "overlap": lambda own, other: other,
        "conflicts": lambda own, other: own | {"labels": [*own["labels"], "another"]},
        "labels": lambda own, other: _new(own, "text") | {"labels": [own["labels"][0].upper()]},
        "unusable": lambda own, other: own | {"text": None},
    },
    "regression": {
        "duplicates": lambda own, other: own,
        "overlap": lambda own, other: other,
        "conflicts": lambda own, other: own | {"label": own["label"] + 1},
        "unusable": lambda own, other: own | {"label": None},
    },
    "relation-extraction": {
        "duplicates": lambda own, other: own,
        "overlap": lambda own, other: other,
        "conflicts": lambda own, other: own | {"label": f"not {own['label']}"},
        "labels": lambda own, other: own
        | {"text": f"{own['text']} otherwise", "label": own["label"].upper()},
        "unusable": lambda own, other: own | {"head": (5, 2)},
    },
    "language_modelling": {
        "duplicates": lambda own, other: own,
        "overlap": lambda own, other: other,
        "encoding": lambda own, other: _ending(own, "schön à la crème".encode().decode("latin-1")),
        "lost_characters": lambda own, other: _ending(own, "st\ufffdd"),
        "markup": lambda own, other: _ending(own, "<b>bold</b>"),
        "personal": lambda own, other: _ending(own, "ann@mail.example.org"),
        "unusable": lambda own, other: own | {"text": " "},
    },
    "image-classification": {
        "duplicates": lambda own, other: own,
        "overlap": lambda own, other: other,
        "conflicts": lambda own, other: own | {"label": f"not {own['label']}"},
        "near_duplicates": lambda own, other: _resized(own, (24, 24)),
        "near_overlap": lambda own, other: _resized(other, (24, 24)),
        "one_colour": lambda own, other: own | {"image": own["image"].point(lambda grey: 90)},
        "long_images": lambda own, other: _resized(own, (160, 32)),
        "unusable": lambda own, other: own | {"image": b"no image"},
    },
}  # fmt: skip
"""By task and by the check that should find it: what is made of a row."""


def _new(row: Row, name: str) -> Row:
    """Return a row with a text that no other row has."""
    words = str(row[name]).split()
    return row | {name: " ".join([*words[::-1], "otherwise", *words])}


def _ending(row: Row, piece: str) -> Row:
    """Return a row with a new text that ends with a piece."""
    return row | {"text": f"{_new(row, 'text')['text']} {piece}"}


def _resized(row: Row, size: tuple[int, int]) -> Row:
    return row | {"image": row["image"].resize(size)}


def _copied(row: Row, name: str, other: str) -> Row:
    """Return a row with such a text twice."""
    found = _new(row, name)
    return found | {other: found[name]}


def plant_in(
    task: str, train: pd.DataFrame, test: pd.DataFrame, count: int = 20, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, list[int]]]:
    """Add rows to training rows that `nbtune.check_data` should find, ``count`` of each kind.

    Returns
    -------
    frame : DataFrame
        The training rows, and those that were added after them.
    planted : dict
        The places of the added rows by the check that should find them.
    """
    rng = np.random.default_rng(seed)
    own, other = (
        iter([{str(name): cell for name, cell in row.items()} for row in records])
        for records in (
            frame.iloc[rng.permutation(len(frame))].to_dict("records") for frame in (train, test)
        )
    )
    rows: list[Row] = []
    planted: dict[str, list[int]] = {}
    for check, make in PLANTED[task].items():
        planted[check] = [len(train) + len(rows) + i for i in range(count)]
        rows += [make(next(own), next(other)) for _ in range(count)]
    added = pd.DataFrame(rows, columns=list(train.columns), dtype=object)
    return pd.concat([train.astype(object), added], ignore_index=True), planted


def rows_of_task(task: str, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return sound rows of a task, to train and to test, made of what ships with nbtune."""
    from nbtune.datasets import load

    name = _NAMES.get(task, "topics")
    frame = load(name)
    if name != "digits":
        frame = frame.drop_duplicates([frame.columns[0], "split"])
    train, test = (
        frame[frame["split"] == split].drop(columns="split") for split in ("train", "test")
    )
    made = _MADE.get(task)
    return tuple(  # type: ignore[return-value]
        (one if made is None else made(one)).head(rows).reset_index(drop=True)
        for one in (train, test)
    )


def _turned(text: str) -> str:
    return " ".join(word[::-1] for word in text.split())


_NAMES = {
    "question-answering": "people",
    "token-classification": "addresses",
    "image-classification": "digits",
}
_MADE: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "translation": lambda rows: pd.DataFrame(
        {"source": rows["text"], "target": rows["text"].map(_turned)}
    ),
    "text-generation": lambda rows: pd.DataFrame(
        {"prompt": "What is " + rows["text"] + "?", "completion": "It is a " + rows["label"] + "."}
    ),
    "preference-tuning": lambda rows: pd.DataFrame(
        {
            "prompt": "What is " + rows["text"] + "?",
            "chosen": "It is a " + rows["label"] + ".",
            "rejected": "I know that it is not a " + rows["label"] + ".",
        }
    ),
    "multi_label_classification": lambda rows: pd.DataFrame(
        {
            "text": rows["text"],
            "labels": [[label, "long"] if len(text) > 60 else [label]
                       for text, label in zip(rows["text"], rows["label"], strict=True)],
        }
    ),
    "regression": lambda rows: rows.assign(label=rows["text"].str.len() / 8),
    "relation-extraction": lambda rows: rows.assign(
        text="this that " + rows["text"],
        head=rows["text"].map(lambda _: (0, 4)),
        tail=rows["text"].map(lambda _: (5, 9)),
    ),
    "language_modelling": lambda rows: rows[["text"]],
    "image-classification": lambda rows: rows.assign(
        image=[image.resize((32, 32)) for image in rows["image"]]
    ),
}  # fmt: skip
