"""How many rows each label has."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbtune.plots.style import COLOURS, legend, title
from nbtune.plots.texts import short
from nbtune.records import DataRecord

MOST_LABELS = 20
LONGEST_NAME = 18


def plot_balance(record: DataRecord, ax: Any) -> Any:
    """Draw a bar a label, the splits beside each other; the most frequent labels come first.

    Beyond twenty labels the ten most and the ten least frequent ones are drawn.
    """
    names = list(next(iter(record.labels.values())))
    if len(names) > MOST_LABELS:
        half = MOST_LABELS // 2
        names = [*names[:half], *names[-half:]]
    left = np.zeros(len(names))
    for colour, (split, counts) in zip(COLOURS, record.labels.items(), strict=False):
        own = np.array([counts.get(name, 0) for name in names])
        ax.barh(range(len(names)), own, left=left, color=colour, alpha=0.8, label=short(split, 20))
        left += own
    shown = [short(name, LONGEST_NAME) for name in names]
    size = 8 if len(names) <= 12 else 6
    ax.set_yticks(range(len(names)), shown, fontsize=size, parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    spans = record.task == "token-classification"
    ax.set_xlabel("spans" if spans else "rows")
    if len(record.labels) > 1:
        legend(ax)
    title(ax, "Spans by type" if spans else "Rows by label")
    return ax
