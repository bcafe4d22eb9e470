"""From values to pixels along an axis, with round numbers to write beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Scale:
    """Maps values to pixels along one axis; ``ticks`` are (pixel, text)."""

    low: float
    high: float
    start: float
    stop: float
    is_log: bool = False

    def __call__(self, values: Array) -> Array:
        """Return pixels."""
        low, high = self.low, self.high
        if self.is_log:
            values = np.log10(np.maximum(values, low))
            low, high = math.log10(low), math.log10(high)
        share = (values - low) / (high - low or 1.0)
        return self.start + share * (self.stop - self.start)

    def ticks(self, count: int, smallest: float = 0.0) -> list[tuple[float, str]]:
        """Return about ``count`` round values, ``smallest`` apart or more, with their pixels."""
        values = self._ratios(count) if self.is_log else []
        if len(values) < 2:
            step = max(smallest, _round_step((self.high - self.low) / count))
            first = math.ceil(self.low / step - 1e-9)
            values = [i * step for i in range(first, int(self.high / step + 1e-9) + 1)]
        pixels = self(np.array(values)).tolist()
        return [(pixel, f"{v:,.10g}") for pixel, v in zip(pixels, values, strict=True)]

    def _ratios(self, count: int) -> list[float]:
        """Return 1, 2 and 5 times the powers of ten inside; fewer where these are many."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for digits in ((1, 2, 5), (1,)):
            values = [digit * 10.0**power for power in powers for digit in digits]
            inside = [value for value in values if self.low <= value <= self.high]
            if len(inside) <= count + 2:
                return inside
        return inside[:: -(-len(inside) // count)]


def _round_step(rough: float) -> float:
    if not rough > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)


def inside(across: Scale, steps: Array) -> slice:
    """Return where, among ascending steps, those stand that the axis shows."""
    first = np.searchsorted(steps, across.low)
    return slice(int(first), int(np.searchsorted(steps, across.high, side="right")))
