"""What a language model said at the places where it was asked, row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nbtune.data.ragged import IGNORED, Ragged

Array = np.ndarray[Any, Any]
LOSS, TARGET, BEST, SURE = range(4)
"""Columns of what is kept of a place."""
COUNTED_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Spoken:
    """What was said of rows.

    Attributes
    ----------
    kept : Ragged
        One row of the data a row, of shape (places, 4): the loss in nats, the true token, the
        likeliest one and its probability.
    spans : Ragged, optional
        Where in its text each place stands, of shape (places, 2).
    """

    kept: Ragged
    spans: Ragged | None = None

    def __len__(self) -> int:
        return len(self.kept)

    def sums(self) -> Array:
        """Return losses, places and right guesses of each row, of shape (rows, 3)."""
        found = [
            (own[:, LOSS].sum(dtype=np.float64), len(own), (own[:, BEST] == own[:, TARGET]).sum())
            for own in self.kept
        ]
        return np.array(found, dtype=np.float64).reshape(-1, 3)

    @property
    def losses(self) -> Array:
        """The mean loss a place of each row, in nats; NaN where nothing was asked."""
        losses, places, _ = self.sums().T
        nothing = np.full(len(losses), np.nan)
        return np.asarray(np.divide(losses, places, out=nothing, where=places > 0))

    def by_chance(self, trained_on: Ragged, vocabulary: int) -> Spoken:
        """Return what the frequencies of tokens alone say at the same places.

        Parameters
        ----------
        trained_on : Ragged
            Tokens that were counted, -100 for none; each token of the vocabulary counts one more.
        """
        counts = np.ones(vocabulary)
        for start in range(0, len(trained_on.flat), COUNTED_AT_ONCE):
            tokens = np.asarray(trained_on.flat[start : start + COUNTED_AT_ONCE])
            counts += np.bincount(tokens[tokens != IGNORED], minlength=vocabulary)
        chances = counts / counts.sum()
        flat = np.array(self.kept.flat)
        flat[:, LOSS] = -np.log(chances[flat[:, TARGET].astype(int)])
        flat[:, BEST], flat[:, SURE] = chances.argmax(), chances.max()
        return replace(self, kept=Ragged(flat, self.kept.offsets))


def by_row(kept: Ragged, examples: Any, rows: int) -> Spoken:
    """Put together what was kept of each example into what was said of each row.

    Parameters
    ----------
    kept : Ragged
        What was kept of the targets of each example, of shape (targets, 4).
    examples
        Those examples, with the row that each one is of.
    rows : int
        How many rows there are.
    """
    own = np.asarray(examples.rows)
    order = np.argsort(own, kind="stable")
    counts = np.bincount(own, weights=np.diff(kept.offsets), minlength=rows).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    flat = np.concatenate([kept.row(i) for i in order]) if len(order) else np.empty((0, 4))
    if examples.spans is None:
        return Spoken(Ragged(flat, offsets))
    asked = [examples.targets.row(int(i)) != IGNORED for i in order]
    spans = [examples.spans.row(int(i))[has] for i, has in zip(order, asked, strict=True)]
    places = np.concatenate(spans) if spans else np.empty((0, 2), dtype=np.int32)
    return Spoken(Ragged(flat, offsets), Ragged(places, offsets))
