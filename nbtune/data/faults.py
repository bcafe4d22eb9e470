"""Rows that cannot be used, named all at once: how many, for which reason, and some of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.errors import DataError

SHOWN = 3
_EXCERPT = 40
LONE = "half a character (a lone surrogate)"

Check = Callable[[Any], tuple[str, Any]]
"""A cell to its fault, empty when there is none, and its value as it is kept."""
Faults = dict[str, list[tuple[int, Any]]]
"""(row, value) by what is wrong."""


class Told(str):
    """What shows a fault, in words that are told whole."""

    __slots__ = ()


def checked_rows(
    frame: pd.DataFrame,
    checks: Mapping[str, tuple[Sequence[Any], Check]],
    *,
    hint: Callable[[Faults, bool], str],
    drop_bad_rows: bool = False,
    what: str = "data",
    also: Sequence[str] = (),
    agree: Callable[[dict[str, Any]], tuple[str, Any]] | None = None,
) -> tuple[pd.DataFrame, str]:
    """Check every cell, and keep the rows in which all are well.

    Parameters
    ----------
    frame : DataFrame
        Its index numbers the rows in errors.
    checks : mapping
        Cells, one a row, and their check, by role.
    hint : callable
        (faults, whether any row is left) to what to try.
    drop_bad_rows : bool
        Leave out rows that cannot be used, instead of raising.
    what : str
        What errors call these rows.
    also : sequence of str
        What else is wrong, with no row of its own; raised in any case.
    agree : callable, optional
        Cells of a row that are well by themselves to what is wrong with them together, empty for
        nothing, and what shows it.

    Returns
    -------
    rows : DataFrame
        Columns ``row`` (the frame's index) and one for each role.
    notice : str
        What was left out; empty when nothing was.

    Raises
    ------
    DataError
        Names how many rows are bad for which reason, and some of them.
    """
    faults: Faults = {}
    rows = []
    for row, *cells in zip(frame.index, *(cells for cells, _ in checks.values()), strict=True):
        kept: dict[str, Any] = {"row": row}
        bad = False
        for (role, (_, check)), cell in zip(checks.items(), cells, strict=True):
            fault, kept[role] = check(cell)
            if fault:
                faults.setdefault(fault, []).append((row, cell))
                bad = True
        if not bad and agree is not None:
            fault, shown = agree(kept)
            if fault:
                faults.setdefault(fault, []).append((row, shown))
                bad = True
        if not bad:
            rows.append(kept)
    unfit = f"{len(frame) - len(rows)} of {len(frame)} rows"
    if also or (faults and not (drop_bad_rows and rows)):
        found = [f"{unfit} cannot be used: {_describe(faults)}"] if faults else []
        raise DataError(f"{what}: {'; '.join([*also, *found])}", hint=hint(faults, bool(rows)))
    notice = f"{what}: left out {unfit}: {_describe(faults)}" if faults else ""
    return pd.DataFrame(rows, columns=["row", *checks]), notice


def cells_of(column: pd.Series[Any]) -> list[Any]:
    """Return the cells as plain Python values."""
    return [cell.item() if isinstance(cell, np.generic) else cell for cell in column.astype(object)]


def is_missing(value: Any) -> bool:
    """Whether a cell says that there is nothing."""
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, float) and math.isnan(value))
    )


def whole_number(cell: Any) -> int | None:
    """Return a whole number, be it written as a fraction or a text; None for what is none.

    Examples
    --------
    >>> whole_number(3), whole_number(3.0), whole_number("-1"), whole_number(1.9)
    (3, 3, -1, None)
    """
    if isinstance(cell, bool | np.bool_):
        return None
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None


def check_text(text: Any, clean: Callable[[str], str], name: str = "text") -> tuple[str, str]:
    """Return what is wrong with a text, empty for nothing, and the text cleaned."""
    if is_missing(text):
        return f"no {name}", ""
    if not isinstance(text, str):
        return f"a {name} of type {type(text).__name__}", ""
    cleaned = clean(text)
    if not cleaned.strip():
        return f"an empty {name}", ""
    return LONE if has_lone_surrogate(cleaned) else "", cleaned


def has_lone_surrogate(text: str) -> bool:
    """Whether half of a character is left of a surrogate pair: no file can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _describe(faults: Faults) -> str:
    parts = []
    for fault, found in sorted(faults.items(), key=lambda item: -len(item[1])):
        places = ", ".join(str(row) for row, _ in found[:SHOWN])
        more = ", ..." if len(found) > SHOWN else ""
        value = found[0][1]
        shown = value if isinstance(value, Told) else " ".join(repr(value)[:400].split())[:_EXCERPT]
        excerpt = "" if is_missing(value) or not shown else f", such as {shown}"
        parts.append(
            f"{len(found)} with {fault} (row{'s' * (len(found) > 1)} {places}{more}{excerpt})"
        )
    return "; ".join(parts)
