"""Confusion matrix, ROC and precision-recall in one figure."""

from __future__ import annotations

from matplotlib.figure import Figure

from nbtune.plots.confusion import plot_confusion
from nbtune.plots.pr import plot_pr
from nbtune.plots.roc import plot_roc
from nbtune.plots.style import new_figure, tidy, to_png
from nbtune.records import EvaluationRecord

MANY_LABELS = 15


def evaluation_figure(record: EvaluationRecord) -> Figure:
    """Draw all that suits a classification; many labels get a matrix twice as large."""
    if len(record.labels) <= MANY_LABELS:
        figure, axes = new_figure(11.5, 4.2, 1, 3)
        matrix, roc, pr = axes[0]
    else:
        figure, axes = new_figure(11.5, 7.6, 2, 3)
        for ax in axes[:, :2].flat:
            ax.remove()
        matrix = figure.add_subplot(axes[0, 0].get_gridspec()[:, :2])
        tidy(matrix)
        roc, pr = axes[:, 2]
    plot_confusion(record.confusion, matrix)
    plot_roc(record, roc)
    plot_pr(record, pr)
    return figure


def evaluation_png(record: EvaluationRecord) -> bytes:
    """Return the figure as PNG."""
    return to_png(evaluation_figure(record), dpi=120)
