"""Which column holds the text, or two of them, and which the label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nbtune.errors import DataError, nearest

TEXT_NAMES = (
    "text", "sentence", "content", "review", "message", "body", "document", "comment", "tweet",
    "question", "title", "description", "sms", "email",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "label_text", "target", "class", "category", "topic", "sentiment", "intent",
    "tag", "y", "stars", "rating",
)  # fmt: skip
PAIR_NAMES = (
    ("text", "text_pair"), ("sentence1", "sentence2"), ("premise", "hypothesis"),
    ("question1", "question2"), ("text1", "text2"),
)  # fmt: skip
FILE = "file"
"""Column that says which of several files of text a row is from: no label, unless it is named."""
_SHOWN = 12


@dataclass(frozen=True)
class Columns:
    """The columns in use; ``inferred`` says so when nobody named them."""

    text: str
    label: str
    inferred: bool = False
    text_pair: str | None = None

    @property
    def in_use(self) -> dict[str, str]:
        """The columns by their roles, those of the texts first."""
        pair = {} if self.text_pair is None else {"text_pair": self.text_pair}
        return {"text": self.text, **pair, "label": self.label}


def infer_columns(
    frame: pd.DataFrame,
    text: str | None = None,
    label: str | None = None,
    text_pair: str | None = None,
) -> Columns:
    """Take the named columns, or find them: by their usual names, then by what they hold.

    Raises
    ------
    DataError
        When named columns are missing, or it is not plain which ones are meant.
    """
    columns = list(frame.columns)
    refuse_columns({"text": text, "text_pair": text_pair, "label": label}, columns)
    inferred = text is None or label is None
    if text is None and text_pair is None:
        text, text_pair = next((pair for pair in PAIR_NAMES if {*pair} <= {*columns}), (None, None))
    found_label = label or _by_name(columns, LABEL_NAMES, text)
    found_text = text or _by_name(columns, TEXT_NAMES, found_label)
    found_text = found_text or _only(_wordy(frame, found_label), "text", columns)
    found_label = found_label or _only(_repeating(frame, found_text), "label", columns)
    return Columns(found_text, found_label, inferred, text_pair)


def infer_label(frame: pd.DataFrame, taken: str | None) -> str:
    """Find the column of the labels, in rows whose inputs are in other columns.

    Raises
    ------
    DataError
        When it is not plain which one is meant.
    """
    columns = list(frame.columns)
    found = _by_name(columns, LABEL_NAMES, taken)
    return found or _only(_repeating(frame, taken), "label", columns)


def refuse_columns(wanted: Mapping[str, str | None], columns: Iterable[str]) -> None:
    """Refuse names, by role, of columns that are not there, or that are two of them at once.

    Raises
    ------
    DataError
        Naming them, and the nearest there is.
    """
    _refuse_missing(wanted, list(columns))
    _refuse_same(wanted)


def infer_text(frame: pd.DataFrame, text: str | None = None) -> str:
    """Take the named column of the texts, or find it, in rows that need no labels.

    Raises
    ------
    DataError
        As `infer_columns`.
    """
    columns = list(frame.columns)
    _refuse_missing({"text": text}, columns)
    return (
        text or _by_name(columns, TEXT_NAMES, None) or _only(_wordy(frame, None), "text", columns)
    )


def _refuse_same(wanted: Mapping[str, str | None]) -> None:
    roles: dict[str, str] = {}
    for role, name in wanted.items():
        if name is not None and name in roles:
            raise DataError(
                f"{roles[name]} and {role} are the same column, {name!r}",
                hint="name one of them otherwise",
            )
        if name is not None:
            roles[name] = role


def _refuse_missing(wanted: Mapping[str, str | None], columns: Sequence[str]) -> None:
    missing = {role: name for role, name in wanted.items() if name and name not in columns}
    if not missing:
        return
    close = {role: nearest(name, columns) for role, name in missing.items()}
    near = [f"{role}: {name}" for role, name in close.items() if name]
    raise DataError(
        "; ".join(f"{role}: there is no column {name!r}" for role, name in missing.items())
        + f"; the data has {_listed(columns)}",
        hint=f"did you mean {' and '.join(near)}?" if near else "name one of these columns",
    )


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns[:_SHOWN]) + (", ..." if len(columns) > _SHOWN else "")


def _by_name(columns: Sequence[str], usual: Sequence[str], taken: str | None) -> str | None:
    free = [name for name in columns if name != taken]
    spelled = {**{name.lower(): name for name in free}, **{name: name for name in free}}
    return next((spelled[name] for name in usual if name in spelled), None)


def _wordy(frame: pd.DataFrame, taken: str | None) -> list[str]:
    """Return the text columns whose cells have more than two words on average."""
    sample = frame.head(200)
    return [
        name
        for name in frame.columns
        if name != taken and _mean_words(sample[name].dropna().tolist()) > 2
    ]


def _mean_words(cells: list[Any]) -> float:
    if not cells or not all(isinstance(cell, str) for cell in cells):
        return 0
    return sum(len(cell.split()) for cell in cells) / len(cells)


def _repeating(frame: pd.DataFrame, taken: str | None) -> list[str]:
    """Return the columns whose values come back often, as labels do."""
    sample = frame.head(5_000)
    most = max(2, len(sample) // 4)
    return [
        name
        for name in frame.columns
        if name not in (taken, FILE)
        and not pd.api.types.is_float_dtype(sample[name])
        and 1 < sample[name].astype(str).nunique() <= most
    ]


def _only(candidates: list[str], role: str, columns: Sequence[str]) -> str:
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        problem = f"{role}: it could be any of {', '.join(candidates)}"
    else:
        problem = f"{role}: no column looks like it; the data has {_listed(columns)}"
    hint = f"name it: {role}: {(candidates or list(columns) or ['…'])[0]}"
    if role == "label" and len({*columns} - {FILE}) < 2:  # texts that stand alone
        hint = "texts alone teach a language: task: text-generation, or task: fill-mask"
    raise DataError(problem, hint=hint)
