"""How good a model is on parts of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.style import COLOURS, GREY, new_figure, title
from nbtune.plots.texts import short
from nbtune.records import RIGHT, Slice, Slices, measured

MOST_SLICES = 25
LONGEST_NAME = 30
WORSE = COLOURS[5]


def plot_slices(slices: Sequence[Slice], ax: Any, *, overall: float, measure: str = RIGHT) -> Any:
    """Draw a line a slice: the share that is right, or the mean of a score, and its 95 % interval.

    Parameters
    ----------
    overall : float
        That of all rows, a dotted line.
    measure : str
        What each row scores by itself.
    """
    shown = slices[:MOST_SLICES]
    for place, one in enumerate(shown):
        is_worse = one.p_value < 0.05
        colour = WORSE if is_worse else COLOURS[0]
        ax.plot([one.score.low, one.score.high], [place, place], color=colour, linewidth=1.6)
        face = colour if is_worse else "none"
        ax.plot(one.score.value, place, "o", color=colour, markerfacecolor=face, markersize=6)
    ax.axvline(overall, color=GREY, linewidth=1, linestyle=":")
    names = [f"{short(one.value, LONGEST_NAME)} ({one.rows:,})" for one in shown]
    ax.set_yticks(range(len(shown)), names, fontsize=8 if len(shown) < 15 else 6, parse_math=False)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    if measure == RIGHT:
        ax.set_xlim(-0.01, 1.01)
    ax.set_xlabel(f"{measured(measure)}, 95 %")
    some = f", {len(shown)} of {len(slices)}" if len(shown) < len(slices) else ""
    title(ax, f"By {short(slices[0].what, LONGEST_NAME)} (rows){some}; filled: worse than the rest")
    return ax


def slices_figure(slices: Slices) -> Figure:
    """Draw the parts that were asked for."""
    shown = min(MOST_SLICES, len(slices.asked))
    figure, axes = new_figure(6.5, 1.1 + 0.24 * shown)
    plot_slices(slices.asked, axes[0, 0], overall=slices.overall, measure=slices.measure)
    return figure
