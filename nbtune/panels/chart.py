"""Loss and score as an SVG string: no script, the page's own colours, a fixed height."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtune.panels.html import render
from nbtune.panels.state import RunView

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 14, 30
POINTS = 300

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Scale:
    """Maps values to pixels along one axis; ``ticks`` are (pixel, text)."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, values: Array) -> Array:
        """Return pixels."""
        share = (values - self.low) / (self.high - self.low or 1.0)
        return self.start + share * (self.stop - self.start)

    def ticks(self, count: int) -> list[tuple[float, str]]:
        """Return about ``count`` round values with their pixels."""
        step = _round_step((self.high - self.low) / count)
        first = math.ceil(self.low / step - 1e-9)
        values = [i * step for i in range(first, int(self.high / step + 1e-9) + 1)]
        return [(float(self(np.array(value))), f"{value:.4g}") for value in values]


def _round_step(rough: float) -> float:
    if not rough > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)


def decimate(x: Array, y: Array, points: int = POINTS) -> tuple[Array, Array]:
    """Keep the lowest and highest point of each stretch, so that no spike is lost.

    Parameters
    ----------
    x, y : ndarray
        Of the same length, ``x`` ascending.
    points : int
        Return at most so many, and all of them when there are no more.
    """
    if len(y) <= points:
        return x, y
    stretches = (points - 1) // 2
    size = -(-len(y) // stretches)
    pad = stretches * size - len(y)
    rows = np.concatenate([y, np.full(pad, y[-1])]).reshape(stretches, size)
    base = np.arange(stretches) * size
    picked = np.unique(np.concatenate([base + rows.argmin(1), base + rows.argmax(1)]))
    picked = np.unique(np.append(picked[picked < len(y)], len(y) - 1))
    return x[picked], y[picked]


def loss_chart(view: RunView) -> str:
    """Return the chart of a run: training loss, validation loss, and the score on the right."""
    steps = np.frombuffer(view.steps, dtype=np.int64) if view.steps else np.empty(0)
    losses = np.frombuffer(view.losses, dtype=np.float32) if view.losses else np.empty(0)
    finite = np.isfinite(losses)
    steps, losses = steps[finite], losses[finite].astype(float)
    looks = [event for event in view.evaluations if math.isfinite(event.loss)]
    total = max(view.start.total_steps if view.start else 1, 1)
    # A rare spike may leave the frame: the curve matters more.
    highest = float(np.quantile(losses, 0.995)) if len(losses) else 1.0
    highest = max([highest, *(event.loss for event in looks)])
    across = Scale(0, total, LEFT, WIDTH - RIGHT)
    up = Scale(0, highest * 1.05 or 1.0, HEIGHT - BOTTOM, TOP)
    drawn_x, drawn_y = decimate(steps, losses)
    best = view.best
    return render(
        "chart.svg.j2",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        x_ticks=across.ticks(6),
        y_ticks=up.ticks(4),
        train=_points(across(drawn_x), np.maximum(up(drawn_y), TOP)),
        validation=_pairs(across, up, [(event.step, event.loss) for event in looks]),
        best=float(across(np.array(best.step))) if best else None,
        pauses=[float(across(np.array(step))) for step in view.pauses],
        summary=chart_summary(view),
    )


def _points(x: Array, y: Array) -> str:
    return " ".join(map("{:.1f},{:.1f}".format, x.tolist(), y.tolist()))


def _pairs(across: Scale, up: Scale, pairs: Sequence[tuple[float, float]]) -> list[Any]:
    return [(float(across(np.array(x))), float(up(np.array(y)))) for x, y in pairs]


def chart_summary(view: RunView) -> str:
    """Say in words what the chart shows, for who cannot see it."""
    parts = [f"step {view.step} of {view.start.total_steps if view.start else 0}"]
    if view.last:
        parts.append(f"training loss {view.last.loss:.3f}")
    if view.evaluations:
        parts.append(f"validation loss {view.evaluations[-1].loss:.3f}")
    return ", ".join(parts)
