"""Texts with any number of labels each, as rows: lists, parted texts, or a 0/1 column a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data import texts
from nbtune.data.checking import check_label
from nbtune.data.faults import Check, Faults, cells_of, checked_rows, is_missing
from nbtune.data.rows import Found, Roles
from nbtune.data.spelled import AS_LISTS, BROKEN, is_broken, is_list, read_spelled
from nbtune.data.texts import LABELLED
from nbtune.errors import DataError
from nbtune.recipe import Recipe
from nbtune.records import read_labels, written_labels

SEPARATORS = ("|", ";", ",", "\t")
MOST_LABELS = 1_000


def holds_lists(column: pd.Series[Any]) -> bool:
    """Whether the cells of a column are lists of labels."""
    cells = [cell for cell in column.head(200) if not _is_nothing(cell)]
    lists = [is_list(read_spelled(cell)) for cell in cells]
    return any(lists) and all(
        is_one or is_broken(cell) for is_one, cell in zip(lists, cells, strict=True)
    )


def separator_of(column: pd.Series[Any]) -> str | None:
    """Return what parts the labels in the texts of a column; None where nothing does."""
    cells = [cell for cell in map(read_spelled, column.astype(object)) if isinstance(cell, str)]
    counts = {mark: sum(mark in cell for cell in cells) for mark in SEPARATORS}
    best = max(SEPARATORS, key=lambda mark: counts[mark])
    return best if counts[best] else None


def _find(frame: pd.DataFrame, named: Roles) -> Found:
    labels = named.get("label")
    if labels is None or isinstance(labels, str):
        return texts.find(frame, named)
    if missing := [name for name in labels if name not in frame]:
        raise DataError(
            f"label: there is no column {missing[0]!r}; the data has "
            f"{', '.join(frame.columns[:12])}",
            hint="name 0/1 columns that are there, or one column of lists",
        )
    # The text is found among the other columns, as if the first of the labels were the label.
    rest = frame.drop(columns=list(labels[1:]))
    found = texts.find(rest, {**named, "label": labels[0]})
    return Found({**found.roles, "label": tuple(labels)}, found.inferred)


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    label = roles["label"]
    if isinstance(label, str):
        cells: list[Any] = cells_of(frame[label])
        check: Check = _lists_checked(recipe.label_separator)
    else:
        cells = list(zip(*(cells_of(frame[name]) for name in label), strict=True))
        check = _hot_checked(label)
    return checked_rows(
        frame,
        {**texts.inputs_checked(frame, roles, recipe), "label": (cells, check)},
        hint=_hint,
        drop_bad_rows=recipe.drop_bad_rows,
        what=what,
    )


def _lists_checked(separator: str | None) -> Check:
    def check(cell: Any) -> tuple[str, list[str]]:
        if _is_nothing(cell):
            return "no labels", []
        if is_broken(cell):
            return BROKEN, []
        cell = read_spelled(cell)
        if isinstance(cell, str):
            parts: Iterable[Any] = cell.split(separator) if separator else [cell]
            return "", _sorted(part.strip() for part in parts if part.strip())
        if not is_list(cell):
            fault, name = check_label(cell)
            return fault, [name]
        found = [check_label(label) for label in cell]
        fault = next((f"{fault} among its labels" for fault, _ in found if fault), "")
        return fault, _sorted(name for _, name in found)

    return check


def _hot_checked(names: Sequence[str]) -> Check:
    def check(cells: Sequence[Any]) -> tuple[str, list[str]]:
        marks = [_MARKS.get(str(cell).strip().lower()) for cell in cells]
        if None in marks:
            return f"neither 0 nor 1 in {names[marks.index(None)]!r}", []
        return "", _sorted(name for name, mark in zip(names, marks, strict=True) if mark)

    return check


_MARKS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(set(names))


def _is_nothing(cell: Any) -> bool:
    return is_missing(cell) if not isinstance(cell, np.ndarray) else False


def _hint(faults: Faults, left: bool) -> str:
    if BROKEN in faults:
        return AS_LISTS
    if "no labels" in faults:
        return "a row without any label has an empty list, []; or leave it out: drop_bad_rows: true"
    return "mend them, or leave them out with drop_bad_rows: true"


def _labels(rows: pd.DataFrame) -> tuple[str, ...]:
    counts = Counter(label for labels in rows["label"] for label in labels)
    if not counts:
        raise DataError("label: no row has any", hint="is it the right column? name it: label: ...")
    if len(counts) > MOST_LABELS:
        raise DataError(
            f"label: there are {len(counts)} different labels, more than {MOST_LABELS}",
            hint="are they parted by another sign? say so: label_separator: ';'",
        )
    return tuple(sorted(counts))


def _strata(rows: pd.DataFrame) -> list[str]:
    """Return the rarest label of each row, so that splits have some rows of every label."""
    counts = Counter(label for labels in rows["label"] for label in labels)
    return [min(labels, key=lambda one: (counts[one], one), default="") for labels in rows["label"]]


def hot(rows: pd.DataFrame, labels: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return which rows have which labels, as booleans of shape (rows, labels)."""
    ids = {label: i for i, label in enumerate(labels)}
    found = np.zeros((len(rows), len(labels)), dtype=bool)
    for row, own in enumerate(rows["label"]):
        found[row, [ids[label] for label in own]] = True
    return found


_labels_of: Callable[[pd.DataFrame], list[Sequence[str]]] = lambda rows: [  # noqa: E731
    list(labels) for labels in rows["label"]
]

MANY_LABELLED = replace(
    LABELLED,
    find=_find,
    usable=_usable,
    labels=_labels,
    labels_of=_labels_of,
    strata=_strata,
    named=lambda rows: [written_labels(labels) for labels in rows["label"]],
    relabelled=lambda text: _sorted(read_labels(text)),
)
