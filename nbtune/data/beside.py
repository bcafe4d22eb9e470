"""The columns beside text and label, by which rows can be told apart: source, author, year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

MOST_VALUES = 200
"""A column of more different words than this names rows rather than kinds of them."""


def beside(frame: pd.DataFrame, positions: Sequence[int], roles: Mapping[str, Any]) -> pd.DataFrame:
    """Return what else the data says of some rows: numbers as they are, all else as texts.

    Columns that say the same of every row, or something else of each, are left out.

    Parameters
    ----------
    positions : sequence of int
        What the frame's index calls the rows; a part of a frame keeps the index of the whole.
    roles : mapping
        Columns in use already, by their role.
    """
    taken = set(_names(roles.values()))
    unique = frame.loc[:, ~frame.columns.duplicated()]
    others = unique[[name for name in unique.columns if name not in taken]]
    rows = others.loc[list(positions)].reset_index(drop=True)
    found = {str(name): kinds for name in rows if (kinds := _kinds(rows[name])) is not None}
    return pd.DataFrame(found, index=rows.index)


def _kinds(column: pd.Series[Any]) -> pd.Series[Any] | None:
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if is_number:
        numbers = pd.to_numeric(column, errors="coerce").astype(float)
        return numbers if numbers.nunique(dropna=False) > 1 else None
    try:
        values = column.nunique(dropna=False)
    except TypeError:  # lists and the like
        return None
    if not 1 < values <= MOST_VALUES:
        return None
    return column.map(lambda value: "" if pd.isna(value) else str(value)).astype(object)


def _names(roles: Iterable[Any]) -> Iterable[str]:
    for name in roles:
        yield from (name if isinstance(name, tuple | list) else [name])
