"""How well each label, type of span or kind of question is answered."""

from __future__ import annotations

from typing import Any

from nbtune.plots.style import COLOURS, GREY, title
from nbtune.plots.texts import short
from nbtune.records import EvaluationRecord

MOST_LABELS = 25
LONGEST_NAME = 22


def plot_labels(record: EvaluationRecord, ax: Any) -> Any:
    """Draw the F1 of each label as a bar, best first; of many labels the worst ones."""
    there = [one for one in record.classes if one.support]
    worst = sorted(there, key=lambda one: one.f1)[:MOST_LABELS]
    shown = sorted(worst, key=lambda one: one.f1)
    ax.barh(range(len(shown)), [one.f1 for one in shown], color=COLOURS[0], height=0.7)
    names = [f"{short(one.label, LONGEST_NAME)} ({one.support:,})" for one in shown]
    ax.set_yticks(range(len(shown)), names, fontsize=8 if len(shown) <= 15 else 6, parse_math=False)
    for place, one in enumerate(shown):
        ax.text(min(one.f1, 1) + 0.01, place, f"{one.f1:.2f}", va="center", fontsize=7, color=GREY)
    ax.set_xlim(0, 1.1)
    ax.set_xlabel("F1")
    some = f", the worst {len(shown)} of {len(there)}" if len(shown) < len(there) else ""
    asked = any(text.title for text in record.texts)
    by = "beginning of the question (how many)" if asked else "label (its rows)"
    title(ax, f"F1 by {by}{some}")
    return ax
