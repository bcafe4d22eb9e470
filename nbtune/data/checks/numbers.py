"""Numbers that are learnt: how they spread, and whether a column holds any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.columns import infer_columns
from nbtune.data.faults import is_missing
from nbtune.errors import DataError
from nbtune.records import Numbers

_BINS = 30
_SAMPLE = 5_000


def spread_of(name: str, rows: Mapping[str, pd.DataFrame]) -> Numbers | None:
    """Return how the numbers in the column ``label`` spread; None where there are none."""
    parts = {split: frame["label"].to_numpy(dtype=np.float64) for split, frame in rows.items()}
    every = np.concatenate([*parts.values(), np.empty(0)])
    if not len(every):
        return None
    edges = np.histogram_bin_edges(every, min(_BINS, max(1, len(np.unique(every)))))
    return Numbers(
        name,
        low=float(every.min()),
        high=float(every.max()),
        mean=float(every.mean()),
        deviation=float(every.std()),
        edges=tuple(map(float, edges)),
        counts={
            split: tuple(map(int, np.histogram(own, edges)[0])) for split, own in parts.items()
        },
    )


def are_numbers(frame: pd.DataFrame, text: str | None, label: str | None) -> bool:
    """Whether the labels are fractions, which name nothing; False where it is not plain."""
    try:
        column = frame[infer_columns(frame, text, label).label]
    except DataError:
        return False
    cells = [cell for cell in column.head(_SAMPLE).astype(object) if not is_missing(cell)]
    return any(map(_is_fraction, cells)) and all(map(_is_number, cells))


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float | np.number) and not isinstance(cell, bool)


def _is_fraction(cell: Any) -> bool:
    return isinstance(cell, float | np.floating) and not float(cell).is_integer()
