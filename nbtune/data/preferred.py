"""What two answers to the same prompts are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Preferred:
    """What answers are worth.

    Attributes
    ----------
    rewards : ndarray
        Of chosen and rejected answers, of shape (rows, 2).
    sums : ndarray, optional
        Their log-probabilities; None for who has none.
    """

    rewards: Array
    sums: Array | None = None

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def margins(self) -> Array:
        """By how much the chosen answer is worth more, of shape (rows,)."""
        return np.asarray(self.rewards[:, 0] - self.rewards[:, 1])
