"""Confusion matrix, ROC and precision-recall side by side."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.confusion import plot_confusion
from nbtune.plots.pr import plot_pr
from nbtune.plots.roc import plot_roc
from nbtune.plots.style import new_figure
from nbtune.records import EvaluationRecord


def evaluation_figure(record: EvaluationRecord) -> Figure:
    """Draw all that suits a classification in one figure."""
    figure, axes = new_figure(13.5, 4.6, 1, 3)
    left, middle, right = axes[0]
    plot_confusion(record.confusion, left)
    plot_roc(record, middle)
    plot_pr(record, right)
    return figure


def evaluation_png(record: EvaluationRecord) -> bytes:
    """Return the figure as PNG."""
    from nbtune.plots.style import to_png

    found: Any = to_png(evaluation_figure(record), dpi=100)
    return found  # type: ignore[no-any-return]
