"""How many of a label's rows are found among those that the model puts first."""

from __future__ import annotations

from typing import Any

from nbtune.plots.curves import draw_curves
from nbtune.plots.style import GREY, title
from nbtune.records import EvaluationRecord


def plot_gain(record: EvaluationRecord, ax: Any) -> Any:
    """Draw the cumulative gain of each label; rows in no order would lie on the dotted line."""
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    draw_curves(record.gain, ax, area="area", labels=len(record.labels), place="lower right")
    ax.set_xlabel("share of rows, likeliest first")
    ax.set_ylabel("share of the label's rows found")
    title(ax, "Cumulative gain")
    return ax
