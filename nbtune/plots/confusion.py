"""Which label is taken for which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nbtune.plots.style import COLOURS, GREY, title
from nbtune.plots.texts import short
from nbtune.records import Confusion

Array = np.ndarray[Any, Any]
MOST_NUMBERS = 25
MOST_NAMES = 40
LONGEST_NAME = 16
RINGS = 10
SHADED = 0.2
"""From this share of the true label's rows a cell is dark enough for white numbers."""


def plot_confusion(confusion: Confusion, ax: Any) -> Any:
    """Draw the matrix, shaded by the share of the true label's rows.

    Counts are written into the cells up to 25 labels, names beside them up to 40. Of more than 25
    those that are taken for each other lie together; the commonest mistakes have rings, and of
    more than 40 labels theirs alone have names.
    """
    names, counts = list(confusion.labels), np.array(confusion.counts, dtype=float)
    if len(names) > MOST_NUMBERS:
        order = _grouped(counts)
        names, counts = [names[i] for i in order], counts[np.ix_(order, order)]
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    ax.imshow(shares, cmap=_shades(), vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    ax.grid(visible=False)
    ax.set_xlabel("predicted label")
    ax.set_ylabel("true label")
    if len(names) <= MOST_NUMBERS:
        _write_counts(ax, counts, shares)
        _name(ax, names, range(len(names)), range(len(names)))
        title(ax, "Confusion (rows; shade: share of the true label)")
        return ax
    worst = confusion.mistakes[:RINGS]
    across = [names.index(one.predicted) for one in worst]
    down = [names.index(one.true) for one in worst]
    ax.plot(across, down, "o", markersize=8, markerfacecolor="none", markeredgecolor=COLOURS[5])
    everyone = range(len(names))
    are_named = len(names) <= MOST_NAMES
    _name(ax, names, everyone if are_named else across, everyone if are_named else down)
    title(ax, f"Confusion of {len(names)} labels, grouped (rings: commonest mistakes)")
    return ax


def _grouped(counts: Array) -> list[int]:
    """Return an order of labels in which those that are confused with each other lie together.

    By average linkage of the rows that two labels lend each other, and the order of leaves that
    keeps neighbours closest (Bar-Joseph et al. 2001).
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    together = counts / totals + (counts / totals).T
    np.fill_diagonal(together, 0)
    apart = 1 - together / max(together.max(), 1e-12)
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform(apart, checks=False), "average", optimal_ordering=True)
    return [int(place) for place in leaves_list(tree)]


def _write_counts(ax: Any, counts: Array, shares: Array) -> None:
    labels = len(counts)
    for row, column in np.argwhere(counts > 0):
        ax.text(
            column,
            row,
            f"{counts[row, column]:.0f}",
            ha="center",
            va="center",
            fontsize=13 if labels <= 3 else 10 if labels <= 6 else 8 if labels <= 15 else 7,
            color="white" if shares[row, column] >= SHADED else GREY,
        )


def _name(ax: Any, labels: Sequence[str], across: Iterable[int], down: Iterable[int]) -> None:
    """Name some of the labels on each side, as far apart as letters need."""
    size = 8 if len(labels) <= MOST_NUMBERS else 6
    apart = (len(labels) - 1) // MOST_NAMES
    for axis, wanted in ((ax.xaxis, across), (ax.yaxis, down)):
        places: list[int] = []
        for place in sorted({*wanted}):
            if not places or place - places[-1] > apart:
                places.append(place)
        names = [short(labels[place], LONGEST_NAME) for place in places]
        upright = axis is ax.xaxis and len(names) * max(map(len, names), default=0) > 40
        axis.set_ticks(
            places, names, rotation=90 if upright else 0, fontsize=size, parse_math=False
        )


def _shades() -> Any:
    """From see-through to blue, so that empty cells take the page's own background.

    There is nothing between faint and dark, where neither white nor grey numbers would be read.
    """
    from matplotlib.colors import LinearSegmentedColormap

    blue = (0.0, 0.4, 0.68)
    stops = [(0.0, (*blue, 0.0)), (SHADED, (*blue, 0.2)), (SHADED, (*blue, 0.7)), (1.0, blue)]
    return LinearSegmentedColormap.from_list("share", stops)
