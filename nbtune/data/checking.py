"""Rows that can be learnt from: every text a text, every label a name, all faults at once."""

from __future__ import annotations

import math
import numbers
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from nbtune.data.columns import Columns
from nbtune.errors import DataError

SHOWN = 3
_EXCERPT = 40


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
    clean : callable
        Cleans one text.
    drop_bad_rows : bool
        Leave out rows that cannot be used, instead of raising.
    what : str
        What errors call these rows.

    Returns
    -------
    rows : DataFrame
        Columns ``row`` (position in the frame, from 0), ``text`` and ``label`` (both str).
    notice : str
        What was left out; empty when nothing was.

    Raises
    ------
    DataError
        Names how many rows are bad for which reason, and some of them.
    """
    if frame.empty:
        raise DataError(f"{what}: there are no rows", hint="check how the data was made")
    _refuse_mixed_labels(frame[columns.label], columns.label, what)
    bad: dict[str, list[tuple[int, Any]]] = {}
    rows = []
    for i, (text, label) in enumerate(
        zip(frame[columns.text].tolist(), _plain(frame[columns.label]), strict=True)
    ):
        fault, cleaned = _check_text(text, clean)
        label_fault, name = _check_label(label)
        if fault or label_fault:
            bad.setdefault(fault or label_fault, []).append((i, text if fault else label))
        else:
            rows.append((i, cleaned, name))
    if bad and not (drop_bad_rows and rows):
        raise DataError(
            f"{what}: {_describe(bad, len(frame))}",
            hint="mend them, or leave them out with drop_bad_rows: true",
        )
    notice = f"{what}: left out {_describe(bad, len(frame))}" if bad else ""
    return pd.DataFrame(rows, columns=["row", "text", "label"]), notice


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
    if len(counts) > max(1_000, 2) or (len(labels) > 100 and len(counts) > len(labels) / 2):
        raise DataError(
            f"label: {len(counts)} different labels in {len(labels)} rows look like numbers to "
            "predict, or like free text",
            hint="is it the right column? name it: label: ...",
        )
    if all(_is_whole(name) for name in counts):
        return tuple(sorted(counts, key=int))
    return tuple(sorted(counts))


def refuse_unseen(labels: Sequence[str], known: Sequence[str], what: str) -> None:
    """Refuse rows whose labels no training row has.

    Raises
    ------
    DataError
        Naming these labels with their counts.
    """
    unseen = Counter(label for label in labels if label not in set(known))
    if unseen:
        named = ", ".join(f"{name!r} ({n} rows)" for name, n in unseen.most_common(5))
        raise DataError(
            f"{what}: labels that no training row has: {named}",
            hint=f"known labels: {', '.join(list(known)[:12])}",
        )


def _is_whole(name: str) -> bool:
    return name.removeprefix("-").isascii() and name.removeprefix("-").isdigit()


def _plain(column: pd.Series[Any]) -> list[Any]:
    return list(column.astype(object))


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _check_text(text: Any, clean: Callable[[str], str]) -> tuple[str, str]:
    if _is_missing(text):
        return "no text", ""
    if not isinstance(text, str):
        return f"a text that is a {type(text).__name__}", ""
    cleaned = clean(text)
    return ("", cleaned) if cleaned.strip() else ("an empty text", "")


def _check_label(label: Any) -> tuple[str, str]:
    if _is_missing(label):
        return "no label", ""
    if isinstance(label, str):
        return ("", label.strip()) if label.strip() else ("an empty label", "")
    if isinstance(label, bool):
        return "", str(label)
    if isinstance(label, numbers.Integral):
        return ("the label -100, which means none", "") if int(label) == -100 else ("", str(label))
    if isinstance(label, numbers.Real):
        whole = math.isfinite(label) and float(label).is_integer()
        return ("", str(int(label))) if whole else ("a label that is a fraction", "")
    return f"a label that is a {type(label).__name__}", ""


def _refuse_mixed_labels(column: pd.Series[Any], name: str, what: str) -> None:
    kinds = Counter(
        "text" if isinstance(x, str) else "number" for x in _plain(column) if not _is_missing(x)
    )
    if len(kinds) > 1:
        shown = " and ".join(f"{n} {kind}s" for kind, n in kinds.most_common())
        raise DataError(
            f"{what}: the column {name!r} mixes {shown}, so it is not plain which are the same",
            hint=f"make them one kind: df[{name!r}] = df[{name!r}].astype(str)",
        )


def _describe(bad: dict[str, list[tuple[int, Any]]], rows: int) -> str:
    parts = []
    for fault, found in sorted(bad.items(), key=lambda item: -len(item[1])):
        places = ", ".join(str(i) for i, _ in found[:SHOWN])
        more = ", ..." if len(found) > SHOWN else ""
        value = repr(found[0][1])
        excerpt = "" if _is_missing(found[0][1]) else f", such as {value[:_EXCERPT]}"
        parts.append(f"{len(found)} with {fault} (rows {places}{more}{excerpt})")
    total = sum(map(len, bad.values()))
    return f"{total} of {rows} rows cannot be used: {'; '.join(parts)}"
