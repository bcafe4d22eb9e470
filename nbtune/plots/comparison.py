"""Courses, quality against cost, and pairs in one figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.cost import plot_cost
from nbtune.plots.courses import plot_courses
from nbtune.plots.pairs import plot_pairs
from nbtune.plots.style import new_figure, to_png
from nbtune.records import ComparisonRecord


def comparison_figure(record: ComparisonRecord) -> Figure:
    """Draw all of a comparison; without pairs the last axes are left out."""
    figure, axes = new_figure(12.5 if record.pairs else 8.4, 3.8, 1, 3 if record.pairs else 2)
    plot_courses(record, axes[0, 0])
    plot_cost(record, axes[0, 1])
    if record.pairs:
        plot_pairs(record, axes[0, 2])
    return figure


def separate_figures(record: ComparisonRecord) -> dict[str, Figure]:
    """Return each picture of a comparison as a figure of its own, by its name."""
    plots: dict[str, Callable[[ComparisonRecord, Any], Any]] = {
        "courses": plot_courses,
        "cost": plot_cost,
        **({"pairs": plot_pairs} if record.pairs else {}),
    }
    found = {}
    for name, plot in plots.items():
        figure, axes = new_figure(4.4, 3.6)
        plot(record, axes[0, 0])
        found[name] = figure
    return found


def comparison_png(record: ComparisonRecord) -> bytes:
    """Return the figure as PNG."""
    return to_png(comparison_figure(record), dpi=120)
