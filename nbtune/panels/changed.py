"""How what is written of the same rows has changed, from evaluation to evaluation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from nbtune.events import Evaluated
from nbtune.panels.html import render
from nbtune.panels.state import RunView
from nbtune.plots.texts import short

MOST_ROWS, MOST_TIMES = 2, 4
LONGEST_SOURCE, LONGEST_TEXT = 160, 160


@dataclass(frozen=True)
class Changed:
    """What was written of one row at some steps, and what is true of it."""

    source: str
    target: str
    outputs: tuple[tuple[int, str], ...]


def changed(view: RunView) -> Iterator[Changed]:
    """Yield the rows that every evaluation has written; none where there was one of them only."""
    seen = [event for event in view.evaluations if event.samples]
    if len(seen) < 2:
        return
    times = _spread(seen)
    for place, (source, target, _) in enumerate(seen[-1].samples[:MOST_ROWS]):
        outputs = tuple(
            (event.step, short(event.samples[place][2], LONGEST_TEXT))
            for event in times
            if place < len(event.samples)
        )
        yield Changed(short(source, LONGEST_SOURCE), short(target, LONGEST_TEXT), outputs)


def _spread(events: list[Evaluated]) -> list[Evaluated]:
    """Return the first, the last, and some between."""
    count = min(MOST_TIMES, len(events))
    return [events[round(i * (len(events) - 1) / (count - 1))] for i in range(count)]


def changed_html(view: RunView) -> str:
    """Return the rows with a line a step; empty where nothing was written twice."""
    rows = list(changed(view))
    return render("changed.html.j2", rows=rows) if rows else ""


def changed_lines(view: RunView) -> list[str]:
    """Return the same as lines of at most 80 characters."""
    lines = []
    for row in changed(view):
        lines.append(f"  asked: {short(row.source, 70)}")
        for step, text in row.outputs:
            told = f"step {step:,}: {text or '(nothing)'}"
            lines += textwrap.wrap(told, 80, initial_indent="    ", subsequent_indent="      ")
        lines.append(f"    wanted: {short(row.target, 66)}")
    return lines
