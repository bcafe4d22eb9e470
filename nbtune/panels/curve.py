"""How another run went, to be drawn under the curve of the run that one looks at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nbtune.panels.scale import Array, Scale, inside
from nbtune.panels.state import RunView
from nbtune.plots.decimating import decimate
from nbtune.plots.smoothing import smoothed
from nbtune.plots.texts import short

WAYS = (
    ("#009e73", "7 3"),
    ("#cc79a7", "2 2.5"),
    ("#8a63d2", "9 3 2 3"),
    ("#8c8c8c", "12 4"),
    ("#a89000", "4 2 1 2"),
)
"""Colour and dashes of each: readable on white and black, and without colour."""
MOST = len(WAYS)
POINTS = 80
LONGEST_NAME = 40


@dataclass(frozen=True, eq=False)
class Curve:
    """A run that one looks at beside another.

    Attributes
    ----------
    losses : ndarray
        Of the training at ``steps``, smoothed: several noisy lines hide each other.
    scores : ndarray
        Of the validation rows at ``looks``, by the score that picks the weights.
    """

    name: str
    metric: str
    steps: Array
    losses: Array
    looks: Array
    scores: Array

    @classmethod
    def of(cls, view: RunView) -> Curve:
        """Take from a run what is drawn of it."""
        steps, losses = finite(view.steps, view.losses)
        there = [e for e in view.evaluations if view.metric in e.scores]
        looks, scores = finite([e.step for e in there], [e.scores[view.metric] for e in there])
        if len(losses):
            losses = smoothed(losses)
        return cls(view.title, view.metric, steps, losses, looks, scores)

    def at(self, step: int) -> str:
        """Say its loss at a step, or its last one where it ended before."""
        if not len(self.steps):
            return ""
        loss = float(np.interp(step, self.steps, self.losses))
        ended = f" at its end, step {self.steps[-1]:,}" if self.steps[-1] < step else ""
        return f"{loss:.3f}{ended}"


def ways(curves: Sequence[Curve]) -> Iterator[tuple[Curve, tuple[str, str]]]:
    """Yield curves with the colour and the dashes of each."""
    return zip(curves, WAYS, strict=False)


def legend(curves: Sequence[Curve], step: int) -> list[tuple[str, str, str]]:
    """Return colour, dashes and words of each curve that is drawn under one at this step."""
    return [
        (*way, f"{short(curve.name, LONGEST_NAME)} {curve.at(step)}".rstrip())
        for curve, way in ways(curves)
    ]


def path(across: Scale, up: Scale, x: Array, y: Array) -> str:
    """Return a line as far as the axis reaches, in whole pixels, as it is sent again and again."""
    seen = inside(across, x)
    x, y = decimate(x[seen], y[seen], POINTS)
    high = np.clip(up(y), up.stop, up.start)  # the higher, the nearer to the top
    return "L".join(map("{:.0f} {:.0f}".format, across(x).tolist(), high.tolist()))


def finite(steps: Sequence[int], values: Sequence[float]) -> tuple[Array, Array]:
    """Return those steps and values where there is a number."""
    x, y = np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)
    known = np.isfinite(y)
    return (x, y) if known.all() else (x[known], y[known])
