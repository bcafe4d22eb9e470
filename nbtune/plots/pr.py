"""Precision against recall, label by label."""

from __future__ import annotations

from typing import Any

from nbtune.plots.curves import draw_curves
from nbtune.plots.style import title
from nbtune.records import EvaluationRecord


def plot_pr(record: EvaluationRecord, ax: Any) -> Any:
    """Draw the precision-recall curve of each label, their micro average, and the thresholds."""
    draw_curves(
        record.pr,
        ax,
        area="AP",
        labels=len(record.labels),
        place="lower left",
        steps=True,
        operating=record.operating,
        where=lambda one: (one.recall.value, one.precision.value),
    )
    ax.set_xlabel("recall")
    ax.set_ylabel("precision")
    title(ax, "Precision and recall")
    return ax
