"""Loss and score as an SVG string: no script, the page's own colours, a fixed height."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from nbtune.events import Controlled
from nbtune.panels.curve import Curve, finite, legend, path, ways
from nbtune.panels.html import number, render
from nbtune.panels.scale import Array, Scale, inside
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
MOST_ABOVE = 2.0
"""Curves of other runs may raise the axis of losses so many times."""
SHORTEST = 10
"""Steps that the axis shows at least, so that the first ones do not jump about."""


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
    beside : tuple of Curve
        Other runs, which are drawn thin under this one.
    """

    smoothing: float = 0.0
    is_log: bool = False
    share: tuple[float, float] = (0.0, 1.0)
    beside: tuple[Curve, ...] = ()

    @property
    def is_zoomed(self) -> bool:
        """Whether some of the steps so far are left out."""
        return self.share != (0.0, 1.0)


PLAIN = Look()


def loss_chart(view: RunView, look: Look = PLAIN) -> str:
    """Return the chart of a run: training and validation loss over the steps, and its score."""
    across = _across(view, look)
    right = across.stop
    steps, losses = finite(view.steps, view.losses)
    mean = smoothed(losses, look.smoothing) if look.smoothing else losses
    looks = [event for event in view.evaluations if math.isfinite(event.loss)]
    look_steps, look_losses = finite([e.step for e in looks], [e.loss for e in looks])
    seen, seen_looks = inside(across, steps), inside(across, look_steps)
    steps, losses, mean = steps[seen], losses[seen], mean[seen]
    look_steps, look_losses = look_steps[seen_looks], look_losses[seen_looks]
    up = _up(losses, look_losses, look, across)
    validation = _points(across, up, *decimate(look_steps, look_losses, POINTS))
    best, marks = view.best, list(_marks(view, across))
    others = [words for _, _, words in legend(look.beside, view.step)]
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
        train=" ".join(_points(across, up, *decimate(steps, losses, POINTS))),
        mean="L".join(
            _points(across, up, *decimate(steps, mean, POINTS)) if look.smoothing else []
        ),
        validation=" ".join(validation),
        dots=validation if len(validation) <= MOST_DOTS else [],
        best=_place(across, best.step) if best else None,
        unfreezings=[x for step in view.unfreezings if (x := _place(across, step)) is not None],
        marks=marks,
        signs=_legend(marks),
        read_outs=list(
            _read_outs(across, steps, mean, dict(zip(look_steps, look_losses, strict=True)), marks)
        ),
        beside=[(*way, path(across, up, one.steps, one.losses)) for one, way in ways(look.beside)],
        score=_score_frame(view, across, look.beside),
        summary="; ".join([chart_summary(view), *others]),
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


def _up(losses: Array, look_losses: Array, look: Look, across: Scale) -> Scale:
    # A rare spike may leave the frame: the curve matters more.
    highest = max([_almost_highest(losses), *look_losses])
    others = [one.losses[inside(across, one.steps)] for one in look.beside]
    tallest = max((float(one.max()) for one in others if len(one)), default=0.0)
    highest = max(highest, min(tallest, MOST_ABOVE * highest or tallest))
    low, high = 0.0, highest * 1.05 or 1.0
    if not (look.is_log or look.is_zoomed):
        return Scale(low, high, HEIGHT - BOTTOM, TOP)
    known = np.concatenate([losses, look_losses])
    positive = known[known > 0]
    if look.is_log and len(positive) and highest > 0:
        low = float(positive.min()) * 0.95
        return Scale(low, max(high, low * 1.1), HEIGHT - BOTTOM, TOP, is_log=True)
    if look.is_zoomed and len(known):
        low = max(0.0, float(known.min()) - 0.05 * (highest - float(known.min())))
    return Scale(low, high if high > low else low + 1.0, HEIGHT - BOTTOM, TOP)


def _almost_highest(values: Array) -> float:
    """Return the quantile 0.995, in less time than NumPy's own takes for few values."""
    if not len(values):
        return 0.0
    below, share = divmod(0.995 * (len(values) - 1), 1)
    low, high = int(below), min(int(below) + 1, len(values) - 1)
    parted = np.partition(values, (low, high))
    return float(parted[low] + share * (parted[high] - parted[low]))


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
            x += 24 + 6.6 * len(sign.words)
    return placed


def _read_outs(
    across: Scale, steps: Array, losses: Array, looks: dict[int, float], marks: Sequence[_Mark]
) -> Iterator[tuple[str, str]]:
    """Yield strips of the frame, in whole pixels, with what is said while the pointer is on one."""
    if not len(steps):
        return
    width = (across.stop - across.start) / READ_OUTS
    pixels = across(steps)
    look_steps = np.array(sorted(looks))

    def strip(x: Any) -> Any:
        return np.asarray((x - across.start) / width).astype(int).clip(0, READ_OUTS - 1)

    looked = dict(zip(strip(across(look_steps)).tolist(), look_steps.tolist(), strict=True))
    done: dict[int, dict[str, None]] = {}
    for mark in marks:
        done.setdefault(int(strip(mark.x)), {})[mark.words] = None
    middles = across.start + (np.arange(READ_OUTS) + 0.5) * width
    near = _nearest(pixels, middles)
    read = zip(range(READ_OUTS), steps[near].tolist(), losses[near].tolist(), strict=True)
    for i, step, loss in read:
        x = across.start + i * width
        if pixels[0] > x + width or pixels[-1] < x:
            continue
        words = f"step {step:,}: {loss:.3f}"
        if i in looked:
            words += f", validation {looks[looked[i]]:.3f} at {looked[i]:,}"
        if i in done:
            words = short(", ".join([words, *done[i]]), MOST_WORDS)
        left, wide = round(x), round(x + width) - round(x)
        yield f"M{left} {TOP}h{wide}V{HEIGHT - BOTTOM}h-{wide}z", words


def _nearest(places: Array, wanted: Array) -> Array:
    """Return which of some places, in ascending order, is nearest to each that is wanted."""
    above = np.searchsorted(places, wanted).clip(max=len(places) - 1)
    below = (above - 1).clip(min=0)
    return np.where(wanted - places[below] <= places[above] - wanted, below, above)


def _has_score(view: RunView) -> bool:
    """Whether there are validation rows, or it is not known yet."""
    return bool(view.evaluations) or view.data is None or "validation" in view.data.rows


def _score_frame(view: RunView, across: Scale, curves: Sequence[Curve]) -> dict[str, Any] | None:
    """Return the score that picks the weights, over the same steps, beside the best baseline."""
    if not _has_score(view):
        return None
    there = [(e.step, e.scores[view.metric]) for e in view.evaluations if view.metric in e.scores]
    steps, scores = finite([step for step, _ in there], [score for _, score in there])
    seen = inside(across, steps)
    steps, scores = steps[seen], scores[seen]
    rivals = [b for b in view.baselines if math.isfinite(b.scores.get(view.metric, math.nan))]
    rival = max(rivals, key=lambda b: worth(view.metric, b.scores[view.metric]), default=None)
    beside = [one.scores[inside(across, one.looks)] for one in curves if one.metric == view.metric]
    known = [*scores, *([rival.scores[view.metric]] if rival else []), *chain(*beside)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = 0.1 * (high - low) or 0.05
    right = Scale(across.low, across.high, SCORE_LEFT, WIDTH - EDGE)
    lowest = low - room if low < 0 else max(0.0, low - room)
    up = Scale(lowest, high + room, HEIGHT - BOTTOM, TOP)
    points = _points(right, up, *decimate(steps, scores, MOST_DOTS))
    last = f" {number(float(scores[-1]))}" if len(scores) else ""
    return {
        "name": f"{view.metric}{last}",
        "left": SCORE_LEFT,
        "right": WIDTH - EDGE,
        "ticks": up.ticks(3) if known else [],
        "points": points,
        "beside": [
            (*way, path(right, up, one.looks, one.scores))
            for one, way in ways(curves)
            if one.metric == view.metric
        ],
        "rival": float(up(np.array(rival.scores[view.metric]))) if rival else None,
        "rival_name": short(rival.name, 30) if rival else "",
    }


def control_words(event: Controlled) -> str:
    """Say what was asked of a run, in a few words."""
    if event.action != "change":
        return SIGNS[event.action].words if event.action in SIGNS else event.action
    value = "none" if event.value is None else f"{event.value:g}"
    return f"{event.setting} {value}"


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
