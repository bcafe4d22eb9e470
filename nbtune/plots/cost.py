"""Quality against cost, with the front of what is worth its cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbtune.plots.style import COLOURS, GREY, title
from nbtune.plots.texts import short
from nbtune.records import COSTS, ComparisonRecord

LONGEST_NAME = 22


def plot_cost(record: ComparisonRecord, ax: Any) -> Any:
    """Draw each run's score with its interval over its cost, filled where nothing beats it.

    The line joins what no other run beats in both: the Pareto front.
    """
    front = record.front
    for i, one in enumerate(record.contenders):
        score, cost = one.scores[record.metric], getattr(one, record.cost)
        colour = COLOURS[i % len(COLOURS)]
        if np.isfinite(score.low):
            ax.plot([cost, cost], [score.low, score.high], color=colour, linewidth=1.2)
        ax.plot(
            cost,
            score.value,
            "o" if one.name in front else "D",
            color=colour,
            markerfacecolor=colour if one.name in front else "none",
            markersize=7 if one.name in front else 6,
        )
        ax.annotate(
            short(one.name, LONGEST_NAME),
            (cost, score.value),
            xytext=(7, 5 if i % 2 == 0 else -11),
            textcoords="offset points",
            fontsize=8,
            color=GREY,
            parse_math=False,
        )
    on_it = {one.name: one for one in record.contenders}
    points = [
        (getattr(on_it[name], record.cost), on_it[name].scores[record.metric].value)
        for name in front
    ]
    if len(points) > 1:
        ax.step(*zip(*points, strict=True), where="post", color=GREY, linestyle=":", linewidth=1.2)
    _set_axes(record, ax)
    return ax


def _set_axes(record: ComparisonRecord, ax: Any) -> None:
    costs = [getattr(one, record.cost) for one in record.contenders]
    known = [cost for cost in costs if np.isfinite(cost) and cost > 0]
    if known:
        ax.set_xscale("log")
        wide = max(max(known) / min(known), 2) ** 0.25
        ax.set_xlim(min(known) / wide, max(known) * wide**2.5)  # names stand on the right
    ax.set_xlabel(COSTS[record.cost])
    ax.set_ylabel(record.metric)
    title(ax, "Quality against cost (filled: Pareto front)")
