"""Label balance or numbers, lengths and the cost of each limit in one figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.balance import plot_balance
from nbtune.plots.lengths import plot_lengths
from nbtune.plots.numbers import plot_numbers
from nbtune.plots.sizes import plot_sizes
from nbtune.plots.style import new_figure
from nbtune.plots.truncation import plot_truncation
from nbtune.records import DataRecord


def data_figure(record: DataRecord) -> Figure:
    """Draw all there is: without a tokenizer the labels alone, without labels the lengths."""
    parts = list(_plots(record).values())
    figure, axes = new_figure({3: 11.5, 2: 8.0}.get(len(parts), 4.6), 3.4, 1, max(1, len(parts)))
    for plot, ax in zip(parts, axes[0], strict=False):
        plot(ax)
    return figure


def separate_figures(record: DataRecord) -> dict[str, Figure]:
    """Return each picture as a figure of its own, by its name."""
    found = {}
    for name, plot in _plots(record).items():
        figure, axes = new_figure(4.6, 3.4)
        plot(axes[0, 0])
        found[name] = figure
    return found


def _plots(record: DataRecord) -> dict[str, Callable[[Any], Any]]:
    """Return what draws each picture that there is, by its name."""
    plots: dict[str, Callable[[Any], Any]] = {}
    if record.labels:
        plots["balance"] = lambda ax: plot_balance(record, ax)
    if (pictures := record.pictures) is not None:
        plots["sizes"] = lambda ax: plot_sizes(pictures, ax)
    if (numbers := record.numbers) is not None:
        plots["numbers"] = lambda ax: plot_numbers(numbers, ax)
    if (lengths := record.lengths) is not None:
        plots["lengths"] = lambda ax: plot_lengths(lengths, ax)
        if lengths.truncation:
            plots["truncation"] = lambda ax: plot_truncation(lengths, ax)
    return plots
