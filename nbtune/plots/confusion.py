"""Which label is taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbtune.plots.style import GREY, title
from nbtune.plots.texts import short
from nbtune.records import Confusion

MOST_NUMBERS = 25
MOST_NAMES = 40
LONGEST_NAME = 16
SHADED = 0.2
"""From this share of the true label's rows a cell is dark enough for white numbers."""


def plot_confusion(confusion: Confusion, ax: Any) -> Any:
    """Draw the matrix, shaded by the share of the true label's rows.

    Counts are written into the cells up to 25 labels, names beside them up to 40.
    """
    counts = np.array(confusion.counts, dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    ax.imshow(shares, cmap=_shades(), vmin=0, vmax=1, aspect="auto")
    ax.grid(visible=False)
    ax.set_xlabel("predicted label")
    ax.set_ylabel("true label")
    labels = len(confusion.labels)
    if labels > MOST_NAMES:
        ax.set_xlabel("predicted label, by its number")
        ax.set_ylabel("true label, by its number")
    else:
        _name(ax, [short(label, LONGEST_NAME) for label in confusion.labels])
    if labels <= MOST_NUMBERS:
        for row, column in np.argwhere(counts > 0):
            ax.text(
                column,
                row,
                f"{counts[row, column]:.0f}",
                ha="center",
                va="center",
                fontsize=10 if labels <= 6 else 8 if labels <= 15 else 7,
                color="white" if shares[row, column] >= SHADED else GREY,
            )
    title(ax, "Confusion (rows; shade: share of the true label)")
    return ax


def _name(ax: Any, names: list[str]) -> None:
    size = 8 if len(names) <= MOST_NUMBERS else 6
    upright = len(names) * max(map(len, names)) > 40
    places = range(len(names))
    ax.set_xticks(places, names, rotation=90 if upright else 0, fontsize=size, parse_math=False)
    ax.set_yticks(places, names, fontsize=size, parse_math=False)


def _shades() -> Any:
    """From see-through to blue, so that empty cells take the page's own background.

    There is nothing between faint and dark, where neither white nor grey numbers would be read.
    """
    from matplotlib.colors import LinearSegmentedColormap

    blue = (0.0, 0.4, 0.68)
    stops = [(0.0, (*blue, 0.0)), (SHADED, (*blue, 0.2)), (SHADED, (*blue, 0.7)), (1.0, blue)]
    return LinearSegmentedColormap.from_list("share", stops)
