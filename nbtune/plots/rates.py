"""What the loss did while the learning rate rose."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.style import GREY, TRAIN, VALIDATION, legend, new_figure
from nbtune.records import RateSearch


def plot_rates(record: RateSearch, ax: Any) -> Any:
    """Draw the loss over the rates, smoothed as well, with the suggested and the usual rate.

    Parameters
    ----------
    record : RateSearch
        What was tried.
    ax : matplotlib Axes
        Drawn on, and returned.
    """
    tried, smooth = record.rates[: len(record.losses)], record.smooth
    ax.plot(tried, record.losses, color=TRAIN, alpha=0.35, linewidth=0.8)
    ax.plot(tried, smooth, color=TRAIN, linewidth=1.6, label="training loss")
    ax.axvline(
        record.usual, color=GREY, linewidth=1, linestyle=":", label=f"usual {record.usual:g}"
    )
    if record.lowest is not None:
        name = f"suggested {record.suggestion:g}"
        ax.axvline(record.suggestion, color=VALIDATION, linewidth=1.4, linestyle="--", label=name)
        ax.plot(tried[record.lowest], smooth[record.lowest], "o", color=VALIDATION, markersize=4)
    ax.set_xscale("log")
    ax.set_xlim(record.rates[0], record.rates[-1])
    if smooth:
        ax.set_ylim(0, 1.3 * max(smooth[0], min(smooth)))
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    legend(ax)
    return ax


def rates_figure(record: RateSearch) -> Figure:
    """Draw it as a figure of its own."""
    figure, axes = new_figure(6.6, 2.8)
    plot_rates(record, axes[0, 0])
    return figure
