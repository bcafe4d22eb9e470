"""Rows that can be learnt from: every text a text, every label a name, all faults at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from nbtune.data.columns import Columns
from nbtune.data.faults import (
    LONE,
    Faults,
    cells_of,
    check_text,
    checked_rows,
    has_lone_surrogate,
    is_missing,
)
from nbtune.data.spelled import is_list
from nbtune.errors import DataError, did_you_mean

_LISTS = {f"a label of type {kind}" for kind in ("list", "tuple", "set", "ndarray")}


def refuse_empty(frame: pd.DataFrame, what: str) -> None:
    """Refuse data without rows.

    Raises
    ------
    DataError
        When there are none.
    """
    if frame.empty:
        raise DataError(f"{what}: there are no rows", hint="check how the data was made")


def usable_rows(
    frame: pd.DataFrame,
    columns: Columns,
    clean: Callable[[str], str],
    *,
    drop_bad_rows: bool = False,
    what: str = "data",
) -> tuple[pd.DataFrame, str]:
    """Clean the texts and name the labels.

    Parameters
    ----------
    frame : DataFrame
        Its index numbers the rows in errors.
    clean : callable
        Cleans one text.
    drop_bad_rows : bool
        Leave out rows that cannot be used, instead of raising.
    what : str
        What errors call these rows.

    Returns
    -------
    rows : DataFrame
        Columns ``row`` (the frame's index), ``text`` and ``label`` (both str).
    notice : str
        What was left out; empty when nothing was.

    Raises
    ------
    DataError
        Names how many rows are bad for which reason, and some of them.
    """
    cells = {role: cells_of(frame[name]) for role, name in columns.in_use.items()}

    def check(text: Any) -> tuple[str, Any]:
        return check_text(text, clean)

    mixed = mixed_labels(cells["label"], columns.label)
    return checked_rows(
        frame,
        {
            role: (values, check_label if role == "label" else check)
            for role, values in cells.items()
        },
        hint=lambda faults, left: _hint(columns, faults, bool(mixed), left),
        drop_bad_rows=drop_bad_rows,
        what=what,
        also=mixed,
    )


def has_labels(frame: pd.DataFrame, label: str) -> bool:
    """Whether any row has a label at all."""
    return label in frame and not all(map(is_missing, cells_of(frame[label])))


def label_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels in order: numbers by size, names by letter.

    Raises
    ------
    DataError
        When there is one label only, or so many that they must be something else.
    """
    counts = Counter(labels)
    if len(counts) < 2:
        raise DataError(
            f"label: all {len(labels)} training rows have the label {next(iter(counts))!r}",
            hint="classification needs two labels or more; is it the right column?",
        )
    if len(counts) > 1_000 or (len(labels) > 100 and len(counts) > len(labels) / 2):
        raise DataError(
            f"label: {len(counts)} different labels in {len(labels)} rows look like numbers to "
            "predict, or like free text",
            hint="numbers are learnt with problem_type: regression; else name another label: ...",
        )
    if all(_is_whole(name) for name in counts):
        return tuple(sorted(counts, key=lambda name: (int(name), name)))
    return tuple(sorted(counts))


def refuse_unseen(labels: Sequence[str], known: Sequence[str], what: str) -> None:
    """Refuse rows whose labels no training row has.

    Raises
    ------
    DataError
        Naming these labels with their counts.
    """
    unseen = Counter(labels)
    for label in known:
        unseen.pop(label, None)
    if unseen:
        named = ", ".join(f"{name!r} ({n} row{'s' * (n > 1)})" for name, n in unseen.most_common(5))
        raise DataError(
            f"{what}: labels that no training row has: {named}",
            hint=f"known labels: {', '.join(list(known)[:12])}",
        )


def refuse_unfit_weights(weights: Any, labels: Sequence[str]) -> None:
    """Refuse a ``class_weight`` that names labels that are not there, or too few.

    Raises
    ------
    DataError
        Naming these labels, and the nearest there is.
    """
    if isinstance(weights, Mapping):
        refuse_unknown_labels("class_weight", list(weights), labels)
    if isinstance(weights, tuple) and len(weights) != len(labels):
        raise DataError(
            f"class_weight: {len(weights)} weights for {len(labels)} labels",
            hint=f"one for each of {', '.join(list(labels)[:12])}, or {{label: weight}}",
        )


def refuse_unknown_labels(setting: str, names: Sequence[str], labels: Sequence[str]) -> None:
    """Refuse a setting that names labels that are not there.

    Raises
    ------
    DataError
        Naming these labels, and the nearest there is.
    """
    if unknown := [name for name in names if name not in labels]:
        raise DataError(
            f"{setting}: no training row has the label {', '.join(map(repr, unknown[:5]))}",
            hint=did_you_mean(unknown[0], list(labels)[:12]),
        )


def _is_whole(name: str) -> bool:
    return name.removeprefix("-").isascii() and name.removeprefix("-").isdigit()


def check_label(label: Any) -> tuple[str, str]:
    """Return what is wrong with a label, empty for nothing, and its name."""
    if is_missing(label):
        return "no label", ""
    if isinstance(label, str):
        if has_lone_surrogate(label):
            return LONE, ""
        return ("", label.strip()) if label.strip() else ("an empty label", "")
    if isinstance(label, bool):
        return "", str(label)
    if isinstance(label, int | float) and label == -100:
        return "the label -100, which means none", ""
    if isinstance(label, int):
        return "", str(label)
    if isinstance(label, float):
        return ("", str(int(label))) if label.is_integer() else ("a label that is a fraction", "")
    return f"a label of type {type(label).__name__}", ""


def mixed_labels(labels: Sequence[Any], column: str) -> list[str]:
    """Say that a column of labels has texts, numbers and lists; nothing where it has one kind."""
    kinds = Counter(
        "text" if isinstance(label, str) else "list" if is_list(label) else "number"
        for label in labels
        if not is_missing(label)
    )
    if len(kinds) < 2:
        return []
    shown = " and ".join(f"{n} {kind}{'s' * (n > 1)}" for kind, n in kinds.most_common())
    return [f"the column {column!r} mixes {shown}, so it is not plain which are the same"]


def _hint(columns: Columns, faults: Faults, mixed: bool, left: bool) -> str:
    if faults.keys() & _LISTS:
        return "for several labels a text every cell is a list: ['x'], and [] for none"
    if mixed:
        return f"make them one kind: df[{columns.label!r}] = df[{columns.label!r}].astype(str)"
    if "a text of type bytes" in faults:
        return f"decode them: df[{columns.text!r}] = df[{columns.text!r}].str.decode('utf-8')"
    if "a label that is a fraction" in faults:
        return "to learn numbers, say so: problem_type: regression"
    if not left:
        return f"no row is left; are {columns.text!r} and {columns.label!r} the right columns?"
    return "mend them, or leave them out with drop_bad_rows: true"
