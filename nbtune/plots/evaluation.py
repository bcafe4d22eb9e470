"""Matrices, curves, bars or dots: what suits an evaluation, in one figure."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.calibration import plot_calibration
from nbtune.plots.confusion import plot_confusion
from nbtune.plots.gain import plot_gain
from nbtune.plots.labels import plot_labels
from nbtune.plots.perplexity import plot_perplexity
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
    if record.decides == "perplexity":
        figure, axes = new_figure(8.0, 0.9 + 0.6 * len(record.table))
        plot_perplexity(record, axes[0][0])
        return figure
    if not record.roc:
        figure, axes = new_figure(6.5, 4.6)
        plot_labels(record, axes[0][0])
        return figure
    figure, large, small = _one_and_four(1.1)
    plot_labels(record, large)
    _curves(record, small)
    return figure


def _of_one_label(record: EvaluationRecord, confusion: Confusion) -> Figure:
    """Draw matrix and curves; many labels get a larger matrix."""
    figure, matrix, small = _one_and_four(1.1 if len(record.labels) <= MANY_LABELS else 1.9)
    plot_confusion(confusion, matrix)
    _curves(record, small)
    return figure


def _one_and_four(width: float) -> tuple[Figure, Any, Any]:
    """Make a figure with one large picture, ``width`` times as wide as the four beside it."""
    figure, axes = new_figure(11.5, 7.2, 2, 3, widths=(width, 1, 1))
    for ax in axes[:, 0]:
        ax.remove()
    large = figure.add_subplot(axes[0, 0].get_gridspec()[:, 0])
    tidy(large)
    return figure, large, axes[:, 1:]


def _curves(record: EvaluationRecord, axes: Any) -> None:
    plot_roc(record, axes[0, 0])
    plot_pr(record, axes[0, 1])
    if record.calibration is not None:
        plot_calibration(record.calibration, axes[1, 0])
    plot_gain(record, axes[1, 1])


def evaluation_png(record: EvaluationRecord) -> bytes:
    """Return the figure as PNG."""
    return to_png(evaluation_figure(record), dpi=120)
