"""Whether a model is as often right as it says that it is sure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nbtune.records.plain import make


@dataclass(frozen=True)
class Bin:
    """Rows of like probability: the mean of it, and the share of them that is right.

    ``low`` and ``high`` are the 95 % interval of ``accuracy``.
    """

    confidence: float
    accuracy: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Calibration:
    """How far probabilities are from shares, over bins of equal width.

    ``ece`` is the expected calibration error, and ``raw_ece`` what it would be without the
    ``temperature`` that the logits are divided by. A model that is perfectly calibrated stays
    under ``chance`` in 95 of 100 samples of so many rows.
    """

    temperature: float
    ece: float
    raw_ece: float
    chance: float
    bins: tuple[Bin, ...]

    @property
    def words(self) -> str:
        """What there is to say, in a sentence or two."""
        found = f"Calibration error (ECE) {self.ece:.3f}"
        if self.temperature != 1 and not math.isnan(self.raw_ece):
            found += f"; without the temperature of {self.temperature:.2f} it is {self.raw_ece:.3f}"
        if self.ece <= self.chance:
            return f"{found}. So much is chance: up to {self.chance:.3f} on so many rows."
        sum_of = sum(one.rows * (one.confidence - one.accuracy) for one in self.bins)
        way = "surer than it is right" if sum_of > 0 else "more often right than it is sure"
        return f"{found}. The model is {way}: chance alone gives {self.chance:.3f} at most."

    @classmethod
    def of(cls, values: dict[str, Any]) -> Calibration:
        """Make one of its fields as JSON has them."""
        found: Calibration = make(
            cls, {**values, "bins": [make(Bin, one) for one in values["bins"]]}
        )
        return found
