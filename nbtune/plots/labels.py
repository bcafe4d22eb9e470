"""How well each label, type of span or kind of question is answered."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbtune.plots.style import COLOURS, GREY, title
from nbtune.plots.texts import short
from nbtune.records import EvaluationRecord

MOST_LABELS = 25
LONGEST_NAME = 22


def plot_labels(record: EvaluationRecord, ax: Any) -> Any:
    """Draw the F1 of each label and its 95 % interval, best first; of many labels the worst."""
    there = [one for one in record.classes if one.support]
    worst = sorted(there, key=lambda one: one.f1.value)[:MOST_LABELS]
    shown = sorted(worst, key=lambda one: one.f1.value)
    ax.barh(range(len(shown)), [one.f1.value for one in shown], color=COLOURS[0], height=0.7)
    names = [f"{short(one.label, LONGEST_NAME)} ({one.support:,})" for one in shown]
    ax.set_yticks(range(len(shown)), names, fontsize=8 if len(shown) <= 15 else 6, parse_math=False)
    for place, one in enumerate(shown):
        ends = [one.f1.low, one.f1.high]
        ax.plot(ends, [place, place], color=GREY, linewidth=1.4, solid_capstyle="butt")
        beyond = np.nanmax([one.f1.value, *ends]) + 0.01
        ax.text(beyond, place, f"{one.f1.value:.2f}", va="center", fontsize=7, color=GREY)
    ax.set_xlim(0, 1.12)
    ax.set_xlabel("F1, 95 %")
    some = f", the worst {len(shown)} of {len(there)}" if len(shown) < len(there) else ""
    asked = any(text.title for text in record.texts)
    by = "beginning of the question (how many)" if asked else "label (its rows)"
    title(ax, f"F1 by {by}{some}")
    return ax
