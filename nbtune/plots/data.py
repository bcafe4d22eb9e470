"""Label balance or numbers, lengths and the cost of each limit in one figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.balance import plot_balance
from nbtune.plots.lengths import plot_lengths
from nbtune.plots.numbers import plot_numbers
from nbtune.plots.style import new_figure, to_png
from nbtune.plots.truncation import plot_truncation
from nbtune.records import DataRecord


def data_figure(record: DataRecord) -> Figure:
    """Draw all there is: without a tokenizer the labels alone, without labels the lengths."""
    lengths = record.lengths
    parts: list[Callable[[Any], Any]] = [lambda ax: plot_balance(record, ax)] * bool(record.labels)
    if (numbers := record.numbers) is not None:
        parts.append(lambda ax: plot_numbers(numbers, ax))
    if lengths is not None:
        parts += [lambda ax: plot_lengths(lengths, ax), lambda ax: plot_truncation(lengths, ax)]
    figure, axes = new_figure({3: 11.5, 2: 8.0}.get(len(parts), 4.6), 3.4, 1, max(1, len(parts)))
    for plot, ax in zip(parts, axes[0], strict=False):
        plot(ax)
    return figure


def data_png(record: DataRecord) -> bytes:
    """Return the figure as PNG."""
    return to_png(data_figure(record), dpi=120)
