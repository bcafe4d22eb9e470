"""True positives against false positives, label by label."""

from __future__ import annotations

from typing import Any

from nbtune.plots.curves import draw_curves
from nbtune.plots.style import GREY, title
from nbtune.records import EvaluationRecord


def plot_roc(record: EvaluationRecord, ax: Any) -> Any:
    """Draw the ROC curve of each label, their micro and macro average, and the areas.

    Dots stand where the thresholds of the run are.
    """
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    draw_curves(
        record.roc,
        ax,
        area="AUC",
        labels=len(record.labels),
        place="lower right",
        operating=record.operating,
        where=lambda one: (one.false_positive_rate, one.recall.value),
    )
    ax.set_xlabel("false positive rate")
    ax.set_ylabel("true positive rate")
    title(ax, "ROC")
    return ax
