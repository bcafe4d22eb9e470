"""Rows of unequal length in one flat array, such as a target or a logit for every token."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
IGNORED = -100
"""Stands for no target, as in torch and transformers."""


@dataclass(frozen=True)
class Ragged:
    """Rows of unequal length.

    Attributes
    ----------
    flat : ndarray
        All rows in one line, of shape (items, ...).
    offsets : ndarray of int64
        Of shape (rows + 1,); row i is ``flat[offsets[i]:offsets[i + 1]]``.
    """

    flat: Array
    offsets: Array

    @classmethod
    def of(cls, rows: Sequence[Any], dtype: Any = None) -> Ragged:
        """Join rows, each of which has its own number of items."""
        lengths = [len(row) for row in rows]
        parts = [np.asarray(row, dtype=dtype) for row in rows]
        flat = np.concatenate(parts) if parts else np.empty(0, dtype=dtype)
        return cls(flat, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[Array]:
        return (self.row(row) for row in range(len(self)))

    def row(self, row: int) -> Array:
        """Return one row, without padding."""
        return np.asarray(self.flat[self.offsets[row] : self.offsets[row + 1]])

    def __getitem__(self, rows: Any) -> Array:
        """Return rows of these numbers, padded with -100 to (rows, longest, ...)."""
        return self.padded(rows)

    def padded(self, rows: Iterable[Any], fill: float = IGNORED) -> Array:
        """Return rows of these numbers, padded on the right to (rows, longest, ...)."""
        own = [self.row(int(row)) for row in rows]
        longest = max(map(len, own), default=0)
        found = np.full((len(own), longest, *self.flat.shape[1:]), fill, dtype=self.flat.dtype)
        for place, row in zip(found, own, strict=True):
            place[: len(row)] = row
        return found
