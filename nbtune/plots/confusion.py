"""Which label is taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbtune.plots.style import GREY
from nbtune.records import Confusion

MOST_NUMBERS = 15
MOST_NAMES = 40


def plot_confusion(confusion: Confusion, ax: Any) -> Any:
    """Draw the matrix, shaded by the share of the true label's rows.

    Counts are written into the cells up to 15 labels, names beside them up to 40.
    """
    counts = np.array(confusion.counts, dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    ax.imshow(shares, cmap=_shades(), vmin=0, vmax=1, aspect="auto")
    ax.grid(visible=False)
    labels = len(confusion.labels)
    if labels <= MOST_NAMES:
        size = 8 if labels <= MOST_NUMBERS else 6
        names = [name if len(name) <= 16 else f"{name[:15]}…" for name in confusion.labels]
        ax.set_xticks(range(labels), names, rotation=90 if labels > 4 else 0, fontsize=size)
        ax.set_yticks(range(labels), names, fontsize=size)
    if labels <= MOST_NUMBERS:
        for row, column in np.argwhere(counts > 0):
            ax.text(
                column,
                row,
                f"{counts[row, column]:.0f}",
                ha="center",
                va="center",
                fontsize=8 if labels > 6 else 10,
                color="white" if shares[row, column] > 0.45 else GREY,
            )
    ax.set_xlabel("predicted label")
    ax.set_ylabel("true label")
    ax.set_title("Confusion (rows; shade: share of the true label)")
    return ax


def _shades() -> Any:
    """From see-through to blue, so that empty cells take the page's own background."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("share", [(0, 0.45, 0.7, 0.0), (0, 0.36, 0.6, 1.0)])
