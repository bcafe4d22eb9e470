"""Quality against cost, with the front of what is worth its cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, StrMethodFormatter

from nbtune.plots.style import COLOURS, GREY, title
from nbtune.plots.texts import short
from nbtune.records import COSTS, ComparisonRecord

LONGEST_NAME = 22


def plot_cost(record: ComparisonRecord, ax: Any, cost: str | None = None) -> Any:
    """Draw each run's score with its interval over its cost, filled where nothing beats it.

    The line joins what no other run beats in both: the Pareto front.

    Parameters
    ----------
    cost : str, optional
        One of `nbtune.records.COSTS`; by default the one that the comparison weighs.
    """
    cost = cost or record.cost
    front = record.front_by(cost)
    _set_axes(record, ax, cost)
    for i, one in enumerate(record.contenders):
        score, price = one.scores[record.metric], getattr(one, cost)
        colour = COLOURS[i % len(COLOURS)]
        if np.isfinite(score.low):
            ax.plot([price, price], [score.low, score.high], color=colour, linewidth=1.2)
        ax.plot(
            price,
            score.value,
            "o" if one.name in front else "D",
            color=colour,
            markerfacecolor=colour if one.name in front else "none",
            markersize=7 if one.name in front else 6,
        )
        is_left = _share(ax, price) < 0.5  # names stand where there is more room
        ax.annotate(
            short(one.name, LONGEST_NAME),
            (price, score.value),
            xytext=(7 if is_left else -7, 5 if i % 2 == 0 else -11),
            textcoords="offset points",
            ha="left" if is_left else "right",
            fontsize=8,
            color=GREY,
            parse_math=False,
        )
    on_it = {one.name: one for one in record.contenders}
    points = [
        (getattr(on_it[name], cost), on_it[name].scores[record.metric].value) for name in front
    ]
    if len(points) > 1:
        ax.step(*zip(*points, strict=True), where="post", color=GREY, linestyle=":", linewidth=1.2)
    return ax


def _share(ax: Any, price: float) -> float:
    """Return how far to the right a price stands, 0 to 1."""
    return float(ax.transAxes.inverted().transform(ax.transData.transform((price, 0)))[0])


def _set_axes(record: ComparisonRecord, ax: Any, cost: str) -> None:
    prices = [getattr(one, cost) for one in record.contenders]
    known = [price for price in prices if np.isfinite(price) and price > 0]
    if known:
        least, most = min(known), max(known)
        wide = max(most / least, 2) ** 0.25
        ax.set_xscale("log")
        ax.set_xlim(least / wide, most * wide)
        between = (1, 1.5, 2, 3, 5, 7) if most < 3 * least else (1, 2, 5)
        ax.xaxis.set_major_locator(LogLocator(subs=between if most < 10 * least else (1,)))
        ax.xaxis.set_major_formatter(
            StrMethodFormatter("{x:,g}")
            if cost == "seconds"
            else EngFormatter("B" if cost.endswith("bytes") else "")
        )
        ax.xaxis.set_minor_formatter(NullFormatter())
    what = COSTS[cost]
    ax.set_xlabel(what)
    ax.set_ylabel(record.metric)
    title(ax, f"By {what.partition(' (')[0]} (filled: front)")
