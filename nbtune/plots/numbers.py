"""How numbers that are learnt spread."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbtune.plots.style import COLOURS, GREY, legend, title
from nbtune.plots.texts import short
from nbtune.records import Numbers


def plot_numbers(record: Numbers, ax: Any) -> Any:
    """Draw a histogram, the splits on top of each other, with the mean."""
    edges = np.array(record.edges)
    below = np.zeros(len(edges) - 1)
    for colour, (split, counts) in zip(COLOURS, record.counts.items(), strict=False):
        label = short(split, 20)
        look = {"align": "edge", "color": colour, "alpha": 0.8, "label": label}
        ax.bar(edges[:-1], counts, np.diff(edges), bottom=below, **look)
        below += counts
    ax.axvline(record.mean, color=GREY, linewidth=1, linestyle=":")
    ax.annotate(
        f"mean {record.mean:.4g}",
        (record.mean, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(3, -10),
        textcoords="offset points",
        fontsize=8,
        color=GREY,
    )
    ax.set_xlabel(short(record.name, 40), parse_math=False)
    ax.set_ylabel("rows")
    if len(record.counts) > 1:
        legend(ax)
    title(ax, "Numbers")
    return ax
