"""Between how many words a model is torn: before training, by frequencies alone, and now."""

from __future__ import annotations

import math
from typing import Any

from nbtune.plots.style import COLOURS, GREY, title
from nbtune.plots.texts import short
from nbtune.records import EvaluationRecord


def plot_perplexity(record: EvaluationRecord, ax: Any) -> Any:
    """Draw perplexities with their 95 % intervals on a log scale, the model at the bottom.

    Who foretells nothing, such as an answer that is always the same, has none.
    """
    known = [one for one in record.table if math.isfinite(one.scores["perplexity"].value)]
    scores = [judged.scores["perplexity"] for judged in known]
    places = list(range(len(scores)))[::-1]
    ax.set_xscale("log")
    lowest = min((score.value for score in scores), default=1.0)
    for place, score, judged in zip(places, scores, known, strict=True):
        colour = COLOURS[0] if judged.kind == "model" else GREY
        ax.barh(place, score.value, color=colour, alpha=1 if judged.kind == "model" else 0.55)
        if score.low == score.low:
            ends = [[score.value - score.low], [score.high - score.value]]
            ax.errorbar(score.value, place, xerr=ends, color=COLOURS[5], linewidth=1.4, capsize=3)
        text = f" {score.value:,.0f}" if score.value >= 100 else f" {score.value:.1f}"
        right = score.high if score.high == score.high else score.value
        ax.text(right * 1.05, place, text, va="center", fontsize=8, color=GREY)
    ax.set_yticks(places, [short(judged.name, 34) for judged in known], parse_math=False)
    highest = max((score.value for score in scores), default=1.0)
    ax.set_xlim(max(0.8, lowest / 3), highest * 2.5)
    ax.set_xlabel("perplexity (log scale); less is better")
    title(ax, f"How well words are foretold, on {record.rows:,} {short(record.split, 20)} rows")
    return ax
