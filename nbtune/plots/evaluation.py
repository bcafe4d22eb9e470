"""Matrices, curves, bars or dots: what suits an evaluation, in one figure."""

from __future__ import annotations

from matplotlib.figure import Figure

from nbtune.plots.confusion import plot_confusion
from nbtune.plots.labels import plot_labels
from nbtune.plots.pr import plot_pr
from nbtune.plots.roc import plot_roc
from nbtune.plots.scatter import plot_misses, plot_scatter
from nbtune.plots.style import new_figure, tidy, to_png
from nbtune.records import Confusion, EvaluationRecord

MANY_LABELS = 15


def evaluation_figure(record: EvaluationRecord) -> Figure:
    """Draw all that suits what was learnt."""
    if record.confusion is not None and not record.roc:
        figure, axes = new_figure(11.5, 5.4, 1, 2)
        plot_confusion(record.confusion, axes[0][0])
        plot_labels(record, axes[0][1])
        return figure
    if record.confusion is not None:
        return _of_one_label(record, record.confusion)
    if record.scatter is not None:
        figure, axes = new_figure(9.0, 4.2, 1, 2)
        plot_scatter(record.scatter, axes[0][0])
        plot_misses(record.scatter, axes[0][1])
        return figure
    figure, axes = new_figure(11.5 if record.roc else 6.5, 4.6, 1, 3 if record.roc else 1)
    plot_labels(record, axes[0][0])
    if record.roc:
        plot_roc(record, axes[0][1])
        plot_pr(record, axes[0][2])
    return figure


def _of_one_label(record: EvaluationRecord, confusion: Confusion) -> Figure:
    """Draw matrix and curves; many labels get a matrix twice as large."""
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
    plot_confusion(confusion, matrix)
    plot_roc(record, roc)
    plot_pr(record, pr)
    return figure


def evaluation_png(record: EvaluationRecord) -> bytes:
    """Return the figure as PNG."""
    return to_png(evaluation_figure(record), dpi=120)
