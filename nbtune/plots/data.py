"""Label balance, lengths and the cost of each limit in one figure."""

from __future__ import annotations

from matplotlib.figure import Figure

from nbtune.plots.balance import plot_balance
from nbtune.plots.lengths import plot_lengths
from nbtune.plots.style import new_figure, to_png
from nbtune.plots.truncation import plot_truncation
from nbtune.records import DataRecord


def data_figure(record: DataRecord) -> Figure:
    """Draw all there is; without a tokenizer the labels alone."""
    if record.lengths is None:
        figure, axes = new_figure(4.6, 3.4)
    else:
        figure, axes = new_figure(11.5, 3.4, 1, 3)
        plot_lengths(record.lengths, axes[0, 1])
        plot_truncation(record.lengths, axes[0, 2])
    plot_balance(record, axes[0, 0])
    return figure


def data_png(record: DataRecord) -> bytes:
    """Return the figure as PNG."""
    return to_png(data_figure(record), dpi=120)
