"""What answers are worth: two to the same prompt, or one that stands alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Preferred:
    """What answers are worth.

    Attributes
    ----------
    rewards : ndarray
        Of chosen and rejected answers, of shape (rows, 2); of answers that stand alone (rows, 1).
    sums : ndarray, optional
        Their log-probabilities; None for who has none.
    """

    rewards: Array
    sums: Array | None = None

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def margins(self) -> Array:
        """By how much the chosen answer is worth more, or what one is worth; shape (rows,)."""
        if self.rewards.shape[1] == 1:
            return np.asarray(self.rewards[:, 0])
        return np.asarray(self.rewards[:, 0] - self.rewards[:, 1])


def answers_in(rows: pd.DataFrame) -> list[list[str]]:
    """Return the answers of rows, side by side: chosen and rejected, or those that stand alone."""
    sides = ("chosen", "rejected") if "chosen" in rows else ("completion",)
    return [list(rows[side]) for side in sides]
