"""Differences of pairs with their intervals, and whether they are shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbtune.plots.style import COLOURS, GREY, title
from nbtune.plots.texts import short
from nbtune.records import ComparisonRecord

MOST_PAIRS = 15
LONGEST_NAME = 20


def plot_pairs(record: ComparisonRecord, ax: Any) -> Any:
    """Draw one line a pair: its difference and 95 % interval; filled where one is better."""
    pairs = record.pairs[:MOST_PAIRS]
    for place, pair in enumerate(pairs):
        gap, colour = pair.difference, COLOURS[0] if pair.is_shown else GREY
        if np.isfinite(gap.low):
            ax.plot([gap.low, gap.high], [place, place], color=colour, linewidth=1.6)
        face = colour if pair.is_shown else "none"
        ax.plot(gap.value, place, "o", color=colour, markerfacecolor=face, markersize=6)
    ax.axvline(0, color=GREY, linewidth=1, linestyle=":")
    names = [f"{short(p.first, LONGEST_NAME)}\n– {short(p.second, LONGEST_NAME)}" for p in pairs]
    ax.set_yticks(range(len(pairs)), names, fontsize=8, parse_math=False)
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.set_xlabel(f"difference in {record.metric}")
    title(ax, "Pairs (filled: shown, after Holm)")
    return ax


def pairs_height(record: ComparisonRecord) -> float:
    """Return how many inches the picture of the pairs needs for their names."""
    return 0.9 + 0.36 * min(len(record.pairs), MOST_PAIRS)
