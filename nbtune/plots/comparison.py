"""Courses, quality against costs, and pairs in one figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.cost import plot_cost
from nbtune.plots.courses import plot_courses
from nbtune.plots.pairs import pairs_height, plot_pairs
from nbtune.plots.png import to_png
from nbtune.plots.style import WIDTH, empty_figure, new_figure, tidy
from nbtune.records import ComparisonRecord

DRAWN_COSTS = ("seconds", "memory_bytes", "parameters", "trainable_parameters")
APART = 1.5
"""By this factor the dearest has to differ from the cheapest for a cost to have a picture."""
HEIGHT = 2.8
"""In inches, of a row."""
MANY = 3
"""More runs than that need the whole width for their names."""


def comparison_figure(record: ComparisonRecord) -> Figure:
    """Draw all of a comparison: two pictures a row where they fit, and the pairs below them."""
    plots = _plots(record)
    rows = _rows(list(plots), len(record.contenders) > MANY)
    heights = [pairs_height(record) if row == ["pairs"] else HEIGHT for row in rows]
    figure = empty_figure(WIDTH, sum(heights))
    parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)
    for row, part in zip(rows, parts.flat, strict=True):
        for name, ax in zip(row, part.subplots(1, len(row), squeeze=False).flat, strict=True):
            tidy(ax)
            plots[name](record, ax)
    return figure


def _rows(names: list[str], are_many: bool) -> list[list[str]]:
    """Set two side by side; the first stands alone among many runs, or before an even number."""
    there = [name for name in names if name != "pairs"]
    alone = int(are_many or len(there) % 2)
    twos = [there[i : i + 2] for i in range(alone, len(there), 2)]
    return [*([there[:1]] if alone else []), *twos, *([["pairs"]] if "pairs" in names else [])]


def separate_figures(record: ComparisonRecord) -> dict[str, Figure]:
    """Return each picture of a comparison as a figure of its own, by its name."""
    found = {}
    for name, plot in _plots(record).items():
        figure, axes = new_figure(4.4, max(3.6, pairs_height(record) if name == "pairs" else 0))
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
        **{f"cost-{cost}": partial(plot_cost, cost=cost) for cost in others},
        **({"pairs": plot_pairs} if record.pairs else {}),
    }


def _differs(record: ComparisonRecord, cost: str) -> bool:
    prices = [getattr(one, cost) for one in record.contenders]
    known = [price for price in prices if math.isfinite(price) and price > 0]
    return len(known) == len(prices) and max(known) >= APART * min(known)
