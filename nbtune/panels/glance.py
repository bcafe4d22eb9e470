"""The last evaluation of a run that trains, at a glance: matrix and curve, bars or dots as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nbtune.events import Evaluated
from nbtune.panels.html import number, render
from nbtune.panels.rewritten import pair_of
from nbtune.panels.state import RunView
from nbtune.plots.texts import short

WIDTH, SIDE, TOP = 640, 156, 30
MATRIX_LEFT, ROC_LEFT = 132, 440
SHADES = (0.12, 0.3, 0.5, 0.7, 0.92)
MOST_NUMBERS = 8
MOST_NAMES = 15
GAP = 1
ROW, BAR = 16, 300
LONGEST_LABEL = 20
LONGEST_IN_WORDS = 16


def glance_html(view: RunView) -> str:
    """Return texts, or matrix and curve, of the last evaluation that has them; else nothing."""
    written = next((event for event in reversed(view.evaluations) if event.samples), None)
    if written is not None:
        return samples_html(written)
    last = next((event for event in reversed(view.evaluations) if event.bars or event.dots), None)
    if last is not None:
        return bars_html(last) if last.bars else dots_html(last, *_axes(view))
    seen = next((event for event in reversed(view.evaluations) if event.confusion), None)
    labels = list(view.data.labels) if view.data else []
    if seen is None or len(labels) != len(seen.confusion):
        return ""
    size = SIDE / len(labels)
    return render(
        "glance.html.j2",
        width=WIDTH,
        height=TOP + SIDE + 34,
        top=TOP,
        side=SIDE,
        left=MATRIX_LEFT,
        roc_left=ROC_LEFT,
        step=seen.step,
        size=size,
        shades=list(_shades(seen.confusion, size)),
        numbers=seen.confusion if len(labels) <= MOST_NUMBERS else (),
        names=[short(label, LONGEST_LABEL) for label in labels]
        if len(labels) <= MOST_NAMES
        else [],
        curve=[f"{ROC_LEFT + x * SIDE:.1f},{TOP + (1 - y) * SIDE:.1f}" for x, y in seen.roc],
        of=f"of {short(labels[1], LONGEST_LABEL)}" if len(labels) == 2 else "of all labels",
        area=_area(seen.roc),
        mistake=mistake_words(seen, labels),
    )


def bars_html(event: Evaluated) -> str:
    """Return a bar a label, the worst first."""
    return render(
        "glance_bars.html.j2",
        step=event.step,
        width=WIDTH,
        height=TOP + ROW * len(event.bars),
        bars=[
            (short(name, LONGEST_LABEL), TOP + ROW * place, round(BAR * value, 1), f"{value:.2f}")
            for place, (name, value) in enumerate(event.bars)
        ],
        left=MATRIX_LEFT + 26,
    )


def _axes(view: RunView) -> tuple[str, str]:
    """Return what dots stand for, across and upwards."""
    if view.start and view.start.task == "preference-tuning":
        return "reward of the rejected answer", "of the chosen one"
    return "true", "told"


def dots_html(event: Evaluated, across: str, upwards: str) -> str:
    """Return a dot a row, and the line on which both numbers are equal."""
    every = [value for dot in event.dots for value in dot]
    low, high = min(every), max(every)
    wide = (high - low) or 1.0
    places = [((x - low) / wide, (y - low) / wide) for x, y in event.dots]
    return render(
        "glance_dots.html.j2",
        step=event.step,
        width=WIDTH,
        height=TOP + SIDE + 34,
        top=TOP,
        side=SIDE,
        left=MATRIX_LEFT,
        dots=[(f"{MATRIX_LEFT + x * SIDE:.1f}", f"{TOP + (1 - y) * SIDE:.1f}") for x, y in places],
        across=across,
        upwards=upwards,
        low=number(low),
        high=number(high),
        above=sum(y > x for x, y in event.dots),
    )


def samples_html(event: Evaluated) -> str:
    """Return some rows with what was written of them."""
    return render(
        "samples.html.j2",
        pairs=[pair_of(*texts) for texts in event.samples],
        caption=f"Some validation rows, as they were written at step {event.step:,}",
        is_judged=False,
    )


def mistake_words(event: Evaluated, labels: Sequence[str]) -> str:
    """Say which mistake is made most often; empty when none is made."""
    wrong = [
        (count, i, k)
        for i, row in enumerate(event.confusion)
        for k, count in enumerate(row)
        if i != k and count
    ]
    if not wrong:
        return "no mistakes"
    count, i, k = max(wrong, key=lambda one: one[0])
    true, taken = (short(labels[j], LONGEST_IN_WORDS) for j in (i, k))
    return f"{count:,} of {sum(event.confusion[i]):,} {true} taken for {taken}"


def _shades(confusion: Sequence[Sequence[int]], size: float) -> list[dict[str, Any]]:
    """Return one path for each shade that occurs: a cell is darker, the more of its row it has."""
    paths: dict[tuple[bool, int], list[str]] = {}
    for i, row in enumerate(confusion):
        for k, count in enumerate(row):
            if count:
                level = min(int(count / sum(row) * len(SHADES)), len(SHADES) - 1)
                x, y, wide = MATRIX_LEFT + k * size, TOP + i * size, size - GAP
                cell = f"M{x:.1f} {y:.1f}h{wide:.1f}v{wide:.1f}h-{wide:.1f}z"
                paths.setdefault((i == k, level), []).append(cell)
    return [
        {"right": right, "opacity": SHADES[level], "path": "".join(cells)}
        for (right, level), cells in sorted(paths.items())
    ]


def _area(curve: Sequence[Sequence[float]]) -> float | None:
    """Return the area under the curve, by trapezoids."""
    if not curve:
        return None
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(curve))
