"""Loss and score as an SVG string: no script, the page's own colours, a fixed height."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtune.events import Controlled
from nbtune.panels.html import number, render
from nbtune.panels.state import RunView
from nbtune.plots.decimating import decimate
from nbtune.plots.happened import SIGNS
from nbtune.plots.smoothing import smoothed
from nbtune.plots.texts import short
from nbtune.records import worth

WIDTH, HEIGHT = 640, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 204, 26, 30
"""The frame of the loss; the score's stands in the room to its right."""
SCORE_LEFT, EDGE = 492, 26
POINTS = 220
READ_OUTS, MOST_WORDS = 32, 90
SIGN = 10
"""Width of a sign; those of one step stand side by side."""
MOST_DOTS = 60
MOST_MARKS = 40
SHORTEST = 10
"""Steps that the axis shows at least, so that the first ones do not jump about."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Look:
    """How a person wants to see the chart.

    Attributes
    ----------
    smoothing : float
        Weight of what came before in the mean that is drawn, 0 (none) to below 1.
    is_log : bool
        Whether equal distances upwards are equal ratios of the loss.
    share : tuple of float
        The part of the steps so far that is shown, such as ``(0.5, 1.0)`` for the newer half.
    """

    smoothing: float = 0.0
    is_log: bool = False
    share: tuple[float, float] = (0.0, 1.0)

    @property
    def is_zoomed(self) -> bool:
        """Whether some of the steps so far are left out."""
        return self.share != (0.0, 1.0)


PLAIN = Look()


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
        return [(float(self(np.array(value))), f"{value:,.10g}") for value in values]

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


def loss_chart(view: RunView, look: Look = PLAIN) -> str:
    """Return the chart of a run: training and validation loss over the steps, and its score."""
    across = _across(view, look)
    right = across.stop
    steps, losses = _finite(view.steps, view.losses)
    mean = smoothed(losses, look.smoothing) if look.smoothing else losses
    looks = [event for event in view.evaluations if math.isfinite(event.loss)]
    look_steps, look_losses = _finite([e.step for e in looks], [e.loss for e in looks])
    seen, seen_looks = _inside(across, steps), _inside(across, look_steps)
    steps, losses, mean = steps[seen], losses[seen], mean[seen]
    look_steps, look_losses = look_steps[seen_looks], look_losses[seen_looks]
    up = _up(losses, look_losses, look)
    validation = _points(across, up, *decimate(look_steps, look_losses, POINTS))
    best, marks = view.best, list(_marks(view, across))
    return render(
        "chart.svg.j2",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=right,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        x_ticks=across.ticks(5 if right < WIDTH - EDGE else 6, smallest=1) if view.start else [],
        y_ticks=up.ticks(4) if len(losses) or len(look_losses) else [],
        train=_points(across, up, *decimate(steps, losses, POINTS)),
        mean=_points(across, up, *decimate(steps, mean, POINTS)) if look.smoothing else [],
        validation=validation,
        dots=validation if len(validation) <= MOST_DOTS else [],
        best=_place(across, best.step) if best else None,
        unfreezings=[x for step in view.unfreezings if (x := _place(across, step)) is not None],
        marks=marks,
        signs=_legend(marks),
        read_outs=list(
            _read_outs(across, steps, mean, dict(zip(look_steps, look_losses, strict=True)), marks)
        ),
        score=_score_frame(view, across),
        summary=chart_summary(view),
    )


def _across(view: RunView, look: Look) -> Scale:
    """Return the axis of steps: it grows with them, so that the first ones fill it as well."""
    total = view.start.total_steps if view.start else 1
    stop = WIDTH - (RIGHT if _has_score(view) else EDGE)
    if look.is_zoomed and view.step:
        low, high = (share * view.step for share in look.share)
        return Scale(low, max(high, low + 1), LEFT, stop)
    looked_at = [event.step for event in view.evaluations[-1:]]
    asked_at = [event.step for event in view.controls[-1:]]
    furthest = max([view.step, *looked_at, *asked_at, *view.unfreezings[-1:]])
    return Scale(0, max(furthest, min(total, _reach(max(furthest, SHORTEST)))), LEFT, stop)


def _reach(step: int) -> float:
    """Return a round number of steps a little further on, which stays the same for a while."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if m * power >= step)


def _up(losses: Array, look_losses: Array, look: Look) -> Scale:
    # A rare spike may leave the frame: the curve matters more.
    highest = max([float(np.quantile(losses, 0.995)) if len(losses) else 0.0, *look_losses])
    known = np.concatenate([losses, look_losses])
    positive = known[known > 0]
    low, high = 0.0, highest * 1.05 or 1.0
    if look.is_log and len(positive) and highest > 0:
        low = float(positive.min()) * 0.95
        return Scale(low, max(high, low * 1.1), HEIGHT - BOTTOM, TOP, is_log=True)
    if look.is_zoomed and len(known):
        low = max(0.0, float(known.min()) - 0.05 * (highest - float(known.min())))
    return Scale(low, high if high > low else low + 1.0, HEIGHT - BOTTOM, TOP)


def _inside(across: Scale, steps: Array) -> Array:
    return (steps >= across.low) & (steps <= across.high)


def _place(across: Scale, step: int) -> float | None:
    """Return where a step is, None when it is left out."""
    return float(across(np.array(step))) if across.low <= step <= across.high else None


@dataclass(frozen=True)
class _Mark:
    """Where something was done to a run, and where its sign stands, in pixels; what it was."""

    x: float
    sign_x: float
    action: str
    words: str

    @property
    def path(self) -> str:
        return SIGNS[self.action].path


def _marks(view: RunView, across: Scale) -> Iterator[_Mark]:
    """Yield where something happened, and what; of the checkpoints only the newest."""
    told = [(step, "resume", "went on here") for step in view.pauses]
    told += [
        (one.step, one.action, control_words(one))
        for one in view.controls[-MOST_MARKS:]
        if one.action in SIGNS
    ]
    if view.checkpoint is not None:
        told.append((view.checkpoint, "save", "last checkpoint"))
    taken = Counter[int]()
    for step, action, words in told:
        if (x := _place(across, step)) is not None:
            yield _Mark(x, x + SIGN * taken[round(x)], action, words)
            taken[round(x)] += 1


def _legend(marks: Sequence[_Mark]) -> list[tuple[float, str, str]]:
    """Return place, sign and words of each kind of mark that is there."""
    there, x, placed = {mark.action for mark in marks}, LEFT + 4.0, []
    for action, sign in SIGNS.items():
        if action in there:
            placed.append((x, sign.path, sign.words))
            x += 22 + 5.6 * len(sign.words)
    return placed


def _read_outs(
    across: Scale, steps: Array, losses: Array, looks: dict[int, float], marks: Sequence[_Mark]
) -> Iterator[tuple[float, float, str]]:
    """Yield strips of the frame with what is said while the pointer is over one."""
    if not len(steps):
        return
    width = (across.stop - across.start) / READ_OUTS
    pixels = across(steps)
    look_steps = np.array(sorted(looks))

    def strip(x: Any) -> Any:
        return np.asarray((x - across.start) / width).astype(int).clip(0, READ_OUTS - 1)

    strips = strip(across(look_steps))
    for i in range(READ_OUTS):
        x = across.start + i * width
        if pixels[0] > x + width or pixels[-1] < x:
            continue
        nearest = int(np.abs(pixels - (x + width / 2)).argmin())
        words = f"step {steps[nearest]:,}: {losses[nearest]:.3f}"
        here = look_steps[strips == i]
        if len(here):
            words += f", validation {looks[here[-1]]:.3f} at {here[-1]:,}"
        done = dict.fromkeys(mark.words for mark in marks if strip(mark.x) == i)
        words = short(", ".join([words, *done]), MOST_WORDS)
        yield x, width, words


def _has_score(view: RunView) -> bool:
    """Whether there are validation rows, or it is not known yet."""
    return bool(view.evaluations) or view.data is None or "validation" in view.data.rows


def _score_frame(view: RunView, across: Scale) -> dict[str, Any] | None:
    """Return the score that picks the weights, over the same steps, beside the best baseline."""
    if not _has_score(view):
        return None
    there = [(e.step, e.scores[view.metric]) for e in view.evaluations if view.metric in e.scores]
    steps, scores = _finite([step for step, _ in there], [score for _, score in there])
    seen = _inside(across, steps)
    steps, scores = steps[seen], scores[seen]
    rivals = [b for b in view.baselines if math.isfinite(b.scores.get(view.metric, math.nan))]
    rival = max(rivals, key=lambda b: worth(view.metric, b.scores[view.metric]), default=None)
    known = [*scores, *([rival.scores[view.metric]] if rival else [])]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = 0.1 * (high - low) or 0.05
    beside = Scale(across.low, across.high, SCORE_LEFT, WIDTH - EDGE)
    lowest = low - room if low < 0 else max(0.0, low - room)
    up = Scale(lowest, high + room, HEIGHT - BOTTOM, TOP)
    points = _points(beside, up, *decimate(steps, scores, MOST_DOTS))
    last = f" {number(float(scores[-1]))}" if len(scores) else ""
    return {
        "name": f"{view.metric}{last}",
        "left": SCORE_LEFT,
        "right": WIDTH - EDGE,
        "ticks": up.ticks(3) if known else [],
        "points": points,
        "rival": float(up(np.array(rival.scores[view.metric]))) if rival else None,
        "rival_name": short(rival.name, 30) if rival else "",
    }


def control_words(event: Controlled) -> str:
    """Say what was asked of a run, in a few words."""
    if event.action != "change":
        return SIGNS[event.action].words if event.action in SIGNS else event.action
    value = "none" if event.value is None else f"{event.value:g}"
    return f"{event.setting} {value}"


def _finite(steps: Sequence[int], losses: Sequence[float]) -> tuple[Array, Array]:
    x, y = np.array(steps, dtype=np.int64), np.array(losses, dtype=np.float64)
    known = np.isfinite(y)
    return x[known], y[known]


def _points(across: Scale, up: Scale, x: Array, y: Array) -> list[str]:
    """Return ``x,y`` in pixels, inside the frame; a point alone twice, so that it shows."""
    high = np.clip(up(y), TOP, HEIGHT - BOTTOM)
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
