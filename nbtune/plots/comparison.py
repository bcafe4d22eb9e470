"""Courses, quality against costs, and pairs in one figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.cost import plot_cost
from nbtune.plots.courses import plot_courses
from nbtune.plots.pairs import plot_pairs
from nbtune.plots.png import to_png
from nbtune.plots.style import new_figure
from nbtune.records import ComparisonRecord

DRAWN_COSTS = ("seconds", "memory_bytes", "parameters", "trainable_parameters")
APART = 1.5
"""By this factor the dearest has to differ from the cheapest for a cost to have a picture."""
COLUMNS = 3


def comparison_figure(record: ComparisonRecord) -> Figure:
    """Draw all of a comparison, three pictures a row."""
    plots = _plots(record)
    columns = min(COLUMNS, len(plots))
    rows = math.ceil(len(plots) / columns)
    figure, axes = new_figure(4.2 * columns, 3.8 * rows, rows, columns)
    for plot, ax in zip(plots.values(), axes.flat, strict=False):
        plot(record, ax)
    for ax in axes.flat[len(plots) :]:
        ax.remove()
    return figure


def separate_figures(record: ComparisonRecord) -> dict[str, Figure]:
    """Return each picture of a comparison as a figure of its own, by its name."""
    found = {}
    for name, plot in _plots(record).items():
        figure, axes = new_figure(4.4, 3.6)
        plot(record, axes[0, 0])
        found[name] = figure
    return found


def comparison_png(record: ComparisonRecord) -> bytes:
    """Return the figure as PNG."""
    return to_png(comparison_figure(record), dpi=120)


def _plots(record: ComparisonRecord) -> dict[str, Callable[[ComparisonRecord, Any], Any]]:
    """Return what is drawn, by name: costs beside the one that is weighed where they differ."""
    others = [cost for cost in DRAWN_COSTS if cost != record.cost and _differs(record, cost)]
    return {
        "courses": plot_courses,
        "cost": plot_cost,
        **({"pairs": plot_pairs} if record.pairs else {}),
        **{f"cost-{cost}": partial(plot_cost, cost=cost) for cost in others},
    }


def _differs(record: ComparisonRecord, cost: str) -> bool:
    prices = [getattr(one, cost) for one in record.contenders]
    known = [price for price in prices if math.isfinite(price) and price > 0]
    return len(known) == len(prices) and max(known) >= APART * min(known)
