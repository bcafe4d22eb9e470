"""Matrices, curves, bars or dots: what suits an evaluation, in one figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.calibration import plot_calibration
from nbtune.plots.confusion import plot_confusion
from nbtune.plots.gain import plot_gain
from nbtune.plots.labels import plot_labels
from nbtune.plots.margins import plot_likings, plot_margins, plot_rewards
from nbtune.plots.perplexity import plot_perplexity
from nbtune.plots.png import to_png
from nbtune.plots.pr import plot_pr
from nbtune.plots.rewritten import plot_quality, plot_text_lengths
from nbtune.plots.roc import plot_roc
from nbtune.plots.scatter import plot_misses, plot_scatter
from nbtune.plots.slices import plot_slices
from nbtune.plots.style import empty_figure, new_figure, tidy
from nbtune.records import Confusion, EvaluationRecord

MANY_LABELS = 15
Plot = tuple[str, float, float, Callable[[Any], Any]]


def evaluation_figure(record: EvaluationRecord) -> Figure:
    """Draw all that suits what was learnt."""
    if record.confusion is not None and not record.roc:
        figure, axes = new_figure(11.5, 5.4, 1, 2)
        plot_confusion(record.confusion, axes[0][0])
        plot_labels(record, axes[0][1])
        return figure
    if record.confusion is not None:
        return _of_one_label(record, record.confusion)
    if record.quality and record.lengths is not None:
        figure, axes = new_figure(9.5, 4.0, 1, 2)
        plot_quality(record, axes[0][0])
        plot_text_lengths(record.lengths, axes[0][1])
        return figure
    if record.scatter is not None:
        figure, axes = new_figure(9.0, 4.2, 1, 2)
        plot_scatter(record.scatter, axes[0][0])
        plot_misses(record.scatter, axes[0][1])
        return figure
    if record.rewards is not None:
        figure, axes = new_figure(9.0, 4.2, 1, 2)
        plot_margins(record.rewards, axes[0][0])
        plot_rewards(record.rewards, axes[0][1])
        return figure
    if record.likings is not None:
        figure, axes = new_figure(9.0, 4.2, 1, 2)
        plot_likings(record.likings, axes[0][0])
        plot_roc(record, axes[0][1])
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
    """Make a figure with one large picture, ``width`` times as wide as the four beside it.

    They are figures of their own, so that long names below the large one leave no gap below the
    others.
    """
    figure = empty_figure(11.5, 7.2)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(width, 2))[0]
    small, large = right.subplots(2, 2), left.subplots()
    for part in (left, right):
        part.patch.set_alpha(0)
    for ax in (large, *small.flat):
        tidy(ax)
    return figure, large, small


def _curves(record: EvaluationRecord, axes: Any) -> None:
    plot_roc(record, axes[0, 0])
    plot_pr(record, axes[0, 1])
    if record.calibration is not None:
        plot_calibration(record.calibration, axes[1, 0])
    plot_gain(record, axes[1, 1])


def separate_figures(record: EvaluationRecord) -> dict[str, Figure]:
    """Return each picture of an evaluation as a figure of its own, by its name."""
    found = {}
    for name, width, height, plot in _plots(record):
        figure, axes = new_figure(width, height)
        plot(axes[0, 0])
        found[name] = figure
    return found


def _plots(record: EvaluationRecord) -> Iterator[Plot]:
    """Yield name, width and height in inches, and what draws it."""
    if (confusion := record.confusion) is not None:
        size = 4.2 if len(record.labels) <= MANY_LABELS else 6.5
        yield "confusion", size, size, lambda ax: plot_confusion(confusion, ax)
    if record.roc:
        yield "roc", 3.6, 3.4, lambda ax: plot_roc(record, ax)
    if record.pr:
        yield "precision-recall", 3.6, 3.4, lambda ax: plot_pr(record, ax)
        yield "gain", 3.6, 3.4, lambda ax: plot_gain(record, ax)
    if (calibration := record.calibration) is not None:
        yield "calibration", 3.6, 3.4, lambda ax: plot_calibration(calibration, ax)
    if (scatter := record.scatter) is not None:
        yield "scatter", 4.2, 4.0, lambda ax: plot_scatter(scatter, ax)
        yield "misses", 4.2, 4.0, lambda ax: plot_misses(scatter, ax)
    if (rewards := record.rewards) is not None:
        yield "margins", 4.2, 4.0, lambda ax: plot_margins(rewards, ax)
        yield "rewards", 4.2, 4.0, lambda ax: plot_rewards(rewards, ax)
    if (likings := record.likings) is not None:
        yield "likings", 4.2, 4.0, lambda ax: plot_likings(likings, ax)
    if (lengths := record.lengths) is not None:
        yield "quality", 5.0, 4.0, lambda ax: plot_quality(record, ax)
        yield "lengths", 4.2, 4.0, lambda ax: plot_text_lengths(lengths, ax)
    if record.decides == "perplexity":
        yield (
            "perplexity",
            6.5,
            0.9 + 0.6 * len(record.table),
            lambda ax: plot_perplexity(record, ax),
        )
    if record.classes:
        yield "labels", 5.5, 4.2, lambda ax: plot_labels(record, ax)
    if (slices := record.slices) is not None and slices.asked:
        height = 1.2 + 0.3 * len(slices.asked)
        yield (
            "slices",
            6.0,
            height,
            lambda ax: plot_slices(
                slices.asked, ax, overall=slices.overall, measure=slices.measure
            ),
        )


def evaluation_png(record: EvaluationRecord) -> bytes:
    """Return the figure as PNG."""
    return to_png(evaluation_figure(record), dpi=120)
