"""How large images are, in pixels."""

from __future__ import annotations

from typing import Any

from nbtune.plots.style import COLOURS, title
from nbtune.records import Pictures


def plot_sizes(record: Pictures, ax: Any) -> Any:
    """Draw a histogram of the shorter sides of images."""
    widths = [high - low for low, high in zip(record.edges, record.edges[1:], strict=False)]
    ax.bar(record.edges[:-1], record.counts, widths, align="edge", color=COLOURS[0], alpha=0.8)
    ax.set_xlabel("shorter side (pixels)")
    ax.set_ylabel("rows")
    title(ax, "Sizes")
    return ax
