"""Losses that stand far above those before them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

MEMORY = 50
"""About so many steps are remembered; as many are seen before anything is called a spike."""
DEVIATIONS = 6.0
SHARE_OF_START = 0.25
MOST = 5
"""So many spikes are told; who has more knows by then."""


class SpikeWatch:
    """Tells spikes among the losses of steps, as they come.

    A spike is ``DEVIATIONS`` standard deviations above the running mean, and above it by a share
    of the loss at the beginning, so that the noise of a loss near zero is none.
    """

    def __init__(self) -> None:
        self.seen = self.told = 0
        self.start = self.mean = self.variance = 0.0

    def __call__(self, losses: Iterable[float]) -> Iterator[tuple[int, float]]:
        """Yield (position, usual loss) of each spike; losses that are not finite are no spikes."""
        for position, loss in enumerate(map(float, losses)):
            if not math.isfinite(loss):
                continue
            if self._is_spike(loss) and self.told < MOST:
                self.told += 1
                yield position, self.mean
            self._learn(loss)

    def _is_spike(self, loss: float) -> bool:
        noise = DEVIATIONS * math.sqrt(self.variance)
        return self.seen >= MEMORY and loss - self.mean > max(noise, SHARE_OF_START * self.start)

    def _learn(self, loss: float) -> None:
        self.seen += 1
        weight = 1 / min(self.seen, MEMORY)
        off = loss - self.mean
        self.mean += weight * off
        self.variance = (1 - weight) * (self.variance + weight * off * off)
        if self.seen <= MEMORY:
            self.start = max(self.start, self.mean)
