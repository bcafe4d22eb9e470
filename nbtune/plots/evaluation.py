"""Matrices, curves, bars or dots: what suits an evaluation, in one figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.calibration import plot_calibration
from nbtune.plots.confusion import plot_confusion
from nbtune.plots.gain import plot_gain
from nbtune.plots.labels import MOST_LABELS, plot_labels
from nbtune.plots.margins import plot_likings, plot_margins, plot_rewards
from nbtune.plots.perplexity import plot_perplexity
from nbtune.plots.png import to_png
from nbtune.plots.pr import plot_pr
from nbtune.plots.rewritten import plot_quality, plot_text_lengths
from nbtune.plots.roc import plot_roc
from nbtune.plots.scatter import plot_misses, plot_scatter
from nbtune.plots.slices import plot_slices
from nbtune.plots.style import WIDTH, empty_figure, new_figure, tidy
from nbtune.records import EvaluationRecord

MANY_LABELS, FEW_LABELS = 15, 4
CURVE, PAIR = 3.0, 3.2
"""In inches, how tall a curve is, and two pictures side by side."""
Draw = Callable[[Any], Any]
Plot = tuple[str, float, float, Draw]


def evaluation_figure(record: EvaluationRecord) -> Figure:
    """Draw all that suits what was learnt."""
    if (confusion := record.confusion) is not None:
        matrix = _matrix_height(len(confusion.labels))
        if not record.roc:
            labels = _labels_height(record)
            figure, (above, below) = _one_above_the_other(matrix, labels)
            plot_confusion(confusion, _axes(above)[0, 0])
            plot_labels(record, _axes(below)[0, 0])
            return figure
        figure, (above, below) = _one_above_the_other(matrix, 2 * CURVE)
        plot_confusion(confusion, _axes(above)[0, 0])
        _curves(record, _axes(below, 2, 2))
        return figure
    if (both := _side_by_side(record)) is not None:
        figure, axes = new_figure(WIDTH, PAIR, 1, 2)
        for plot, ax in zip(both, axes[0], strict=True):
            plot(ax)
        return figure
    if record.decides == "perplexity":
        figure, axes = new_figure(WIDTH, 0.9 + 0.6 * len(record.table))
        plot_perplexity(record, axes[0][0])
        return figure
    if not record.roc:
        figure, axes = new_figure(WIDTH, 4.6)
        plot_labels(record, axes[0][0])
        return figure
    figure, (above, below) = _one_above_the_other(_labels_height(record), 2 * CURVE)
    plot_labels(record, _axes(above)[0, 0])
    _curves(record, _axes(below, 2, 2))
    return figure


def _side_by_side(record: EvaluationRecord) -> tuple[Draw, Draw] | None:
    """Return the two pictures of numbers, texts or answers; None for labels."""
    if (lengths := record.lengths) is not None and record.quality:
        return partial(plot_quality, record), partial(plot_text_lengths, lengths)
    if (scatter := record.scatter) is not None:
        return partial(plot_scatter, scatter), partial(plot_misses, scatter)
    if (rewards := record.rewards) is not None:
        return partial(plot_margins, rewards), partial(plot_rewards, rewards)
    if (likings := record.likings) is not None:
        return partial(plot_likings, likings), partial(plot_roc, record)
    return None


def _matrix_height(labels: int) -> float:
    """Return how tall a matrix is: many names stand upright below it."""
    upright = 0.9 if labels > FEW_LABELS else 0
    return min(WIDTH, max(2.4, 1.2 + upright + 0.2 * labels))


def _labels_height(record: EvaluationRecord) -> float:
    return 1.0 + 0.2 * max(6, min(MOST_LABELS, len(record.classes)))


def _one_above_the_other(*heights: float) -> tuple[Figure, Any]:
    """Make a figure of parts, so that long names in one leave no gap in another."""
    figure = empty_figure(WIDTH, sum(heights))
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)
    for part in parts.flat:
        part.patch.set_alpha(0)
    return figure, parts.flat


def _axes(part: Any, rows: int = 1, columns: int = 1) -> Any:
    axes = part.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        tidy(ax)
    return axes


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
