"""Losses that stand far above those before them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MEMORY = 50
"""About so many steps are remembered; as many are seen before anything is called a spike."""
DEVIATIONS = 6.0
SHARE_OF_START = 0.25
MOST = 5
"""So many spikes are told; who has more knows by then."""
LASTING = 10
"""So many steps far above, and above where the run began, are no hard rows: it has diverged."""
USUAL = 5 * LASTING
"""After so many what was a spike is how things are."""
FIRST = 5
"""So many losses tell where the run began."""
FAR, FAR_AT_LEAST, SURE = 0.3, 0.25, 3.0
"""A running mean above the first losses by this share and this much is no training, where it is
above them by so many standard errors of theirs as well."""


@dataclass
class SpikeWatch:
    """Tells spikes among the losses of steps, as they come.

    A spike is ``DEVIATIONS`` standard deviations above the running mean, and above it by a share
    of the loss at the beginning, so that the noise of a loss near zero is none. A checkpoint
    carries all of it, so that a run which goes on knows what is usual.
    """

    seen: int = 0
    told: int = 0
    length: int = 0
    beyond_start: int = 0
    above_first: int = 0
    start: float = 0.0
    mean: float = 0.0
    variance: float = 0.0
    first: list[float] = field(default_factory=list)

    @property
    def is_lost(self) -> bool:
        """Whether nothing that was learnt is left.

        Either ``LASTING`` losses in a row are spikes and above those of the beginning, or the
        running mean is far above the first losses, as with a rate that was too high at once.
        """
        return self.beyond_start >= LASTING or self._is_far_up

    @property
    def steps_lost(self) -> int:
        """How many steps ago the loss rose: to the spike that it belongs to, or above the first."""
        return self.above_first if self._is_far_up else self.length

    @property
    def _is_far_up(self) -> bool:
        if self.seen < MEMORY:
            return False
        first = sum(self.first) / FIRST
        noise = SURE * math.sqrt(self.variance / FIRST)
        return self.mean - first > max(FAR * first + FAR_AT_LEAST, noise)

    def forget(self) -> None:
        """Go on where all was well."""
        if self._is_far_up:
            self.seen = self.above_first = 0
            self.start = self.mean = self.variance = 0.0
        self.length = self.beyond_start = 0

    def __call__(self, losses: Iterable[float]) -> Iterator[tuple[int, float]]:
        """Yield (position, usual loss) where spikes begin; no number is no spike of its own."""
        for position, loss in enumerate(map(float, losses)):
            if not math.isfinite(loss):
                self.length += self.length > 0
                continue
            if not self._is_spike(loss):
                self.length = self.beyond_start = 0
                self._learn(loss)
                continue
            self.length += 1
            self.beyond_start = self.beyond_start + 1 if loss > self.start else 0
            if self.length == 1 and self.told < MOST:
                self.told += 1
                yield position, self.mean
            if self.length > USUAL:
                self._learn(loss)

    def _is_spike(self, loss: float) -> bool:
        noise = DEVIATIONS * math.sqrt(self.variance)
        return self.seen >= MEMORY and loss - self.mean > max(noise, SHARE_OF_START * self.start)

    def _learn(self, loss: float) -> None:
        self.seen += 1
        if len(self.first) < FIRST:
            self.first.append(loss)
        weight = 1 / min(self.seen, MEMORY)
        off = loss - self.mean
        self.mean += weight * off
        self.variance = (1 - weight) * (self.variance + weight * off * off)
        self.above_first = self.above_first + 1 if self.mean > sum(self.first) / FIRST else 0
        if self.seen <= MEMORY:
            self.start = max(self.start, self.mean)
