"""How long texts are, in tokens."""

from __future__ import annotations

from typing import Any

from nbtune.plots.style import COLOURS, GREY, title
from nbtune.records import Lengths


def plot_lengths(record: Lengths, ax: Any) -> Any:
    """Draw a histogram of tokens a text, with the median and the length of 95 %."""
    widths = [high - low for low, high in zip(record.edges, record.edges[1:], strict=False)]
    ax.bar(record.edges[:-1], record.counts, widths, align="edge", color=COLOURS[0], alpha=0.8)
    for value, name in ((record.median, "median"), (record.p95, "95 %")):
        ax.axvline(value, color=GREY, linewidth=1, linestyle=":")
        ax.annotate(
            f"{name} {value:.0f}",
            (value, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -10 if name == "median" else -22),
            textcoords="offset points",
            fontsize=8,
            color=GREY,
        )
    ax.set_xlabel("tokens a text")
    ax.set_ylabel("rows")
    title(ax, "Lengths")
    return ax
