"""Seconds of a stretch of training, by the clock and by the processor."""

from __future__ import annotations

import time
from collections.abc import Sized
from dataclasses import dataclass
from typing import Protocol

import torch


class Rows(Protocol):
    """Anything that has rows with lengths."""

    @property
    def lengths(self) -> Sized: ...


@dataclass(frozen=True)
class Lap:
    """Seconds that so many rows took, with so many tokens of their own.

    ``gpu_bytes`` is what was in use on a GPU at the peak, above what was before.
    """

    seconds: float
    cpu_seconds: float
    rows: int
    tokens: int
    gpu_bytes: int = 0

    @property
    def cost(self) -> float:
        """Milliseconds a token: of the processor, or by the clock where a GPU does the work."""
        return 1e3 * (self.seconds if torch.cuda.is_available() else self.cpu_seconds) / self.tokens


class Stopwatch:
    """Runs from `start` to `stop`; waits for a GPU at both ends."""

    def __init__(self) -> None:
        self.began = self.ended = (0.0, 0.0)
        self.in_use = self.peak = 0

    def start(self) -> None:
        """Begin."""
        self.began = self._now()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
            self.in_use = torch.cuda.memory_allocated()

    def stop(self) -> None:
        """End."""
        self.ended = self._now()
        if torch.cuda.is_available():
            self.peak = torch.cuda.max_memory_allocated()

    def lap(self, rows: Rows) -> Lap:
        """Return what was measured, for these rows."""
        seconds, cpu = (b - a for a, b in zip(self.began, self.ended, strict=True))
        tokens = int(sum(rows.lengths))  # type: ignore[call-overload]
        return Lap(seconds, cpu, len(rows.lengths), tokens, self.peak - self.in_use)

    @staticmethod
    def _now() -> tuple[float, float]:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter(), time.process_time()
