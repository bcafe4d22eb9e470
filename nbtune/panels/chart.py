"""Loss and score as an SVG string: no script, the page's own colours, a fixed height."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtune.events import Controlled
from nbtune.panels.html import render
from nbtune.panels.state import RunView
from nbtune.plots.decimating import decimate

WIDTH, HEIGHT = 640, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 26, 26, 30
POINTS = 300
MOST_DOTS = 60
MOST_MARKS = 40

_ACTIONS = {"pause": "paused", "resume": "went on", "save": "saved", "evaluate": "scored"}

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

    def ticks(self, count: int, smallest: float = 0.0) -> list[tuple[float, str]]:
        """Return about ``count`` round values, ``smallest`` apart or more, with their pixels."""
        step = max(smallest, _round_step((self.high - self.low) / count))
        first = math.ceil(self.low / step - 1e-9)
        values = [i * step for i in range(first, int(self.high / step + 1e-9) + 1)]
        return [(float(self(np.array(value))), f"{value:,.10g}") for value in values]


def _round_step(rough: float) -> float:
    if not rough > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)


def loss_chart(view: RunView) -> str:
    """Return the chart of a run: training and validation loss over the steps."""
    steps, losses = _finite(view.steps, view.losses)
    looks = [event for event in view.evaluations if math.isfinite(event.loss)]
    look_steps, look_losses = _finite([e.step for e in looks], [e.loss for e in looks])
    # A rare spike may leave the frame: the curve matters more.
    highest = max([float(np.quantile(losses, 0.995)) if len(losses) else 0.0, *look_losses])
    across = Scale(0, view.start.total_steps if view.start else 1, LEFT, WIDTH - RIGHT)
    up = Scale(0, highest * 1.05 or 1.0, HEIGHT - BOTTOM, TOP)
    validation = _points(across, up, *decimate(look_steps, look_losses, POINTS))
    best = view.best
    return render(
        "chart.svg.j2",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        x_ticks=across.ticks(6, smallest=1) if view.start else [],
        y_ticks=up.ticks(4) if highest else [],
        train=_points(across, up, *decimate(steps, losses, POINTS)),
        validation=validation,
        dots=validation if len(validation) <= MOST_DOTS else [],
        best=float(across(np.array(best.step))) if best else None,
        unfreezings=[float(across(np.array(step))) for step in view.unfreezings],
        marks=[
            *((float(across(np.array(step))), "went on here") for step in view.pauses),
            *(
                (float(across(np.array(e.step))), control_words(e))
                for e in view.controls[-MOST_MARKS:]
            ),
        ],
        summary=chart_summary(view),
    )


def control_words(event: Controlled) -> str:
    """Say what was asked of a run, in a few words."""
    if event.action != "change":
        return _ACTIONS.get(event.action, event.action)
    value = "none" if event.value is None else f"{event.value:g}"
    return f"{event.setting} {value}"


def _finite(steps: Sequence[int], losses: Sequence[float]) -> tuple[Array, Array]:
    x, y = np.array(steps, dtype=np.int64), np.array(losses, dtype=np.float64)
    known = np.isfinite(y)
    return x[known], y[known]


def _points(across: Scale, up: Scale, x: Array, y: Array) -> list[str]:
    """Return ``x,y`` in pixels, inside the frame; a point alone twice, so that it shows."""
    high = np.maximum(up(y), TOP)
    points = list(map("{:.1f},{:.1f}".format, across(x).tolist(), high.tolist()))
    return points * 2 if len(points) == 1 else points


def chart_summary(view: RunView) -> str:
    """Say in words what the chart shows, for who cannot see it."""
    parts = [f"step {view.step} of {view.start.total_steps if view.start else 0}"]
    if view.last:
        parts.append(f"training loss {view.last.loss:.3f}")
    if view.evaluations:
        parts.append(f"validation loss {view.evaluations[-1].loss:.3f}")
    return ", ".join(parts)
