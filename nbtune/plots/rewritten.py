"""How well texts were written: which share of them how well, and how long they came out."""

from __future__ import annotations

from typing import Any

from nbtune.plots.style import COLOURS, GREY, legend, look, title
from nbtune.plots.texts import short
from nbtune.records import EvaluationRecord, Scatter


def plot_quality(record: EvaluationRecord, ax: Any) -> Any:
    """Draw which share of the rows has at least which score, for the model and the baselines."""
    for place, curve in enumerate(reversed(record.quality)):
        ax.step(
            (0.0, *curve.x, *curve.x[-1:]),
            (1.0, *curve.y, 0.0),
            where="pre",
            **look(place),
            linewidth=2 if not place else 1.3,
            label=f"{short(curve.label, 30)}, mean {curve.area:.3f}",
        )
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_xlabel(f"{record.decides} of a row")
    ax.set_ylabel("share of rows with so much or more")
    title(ax, f"How well texts were written, on {record.rows:,} {short(record.split, 20)} rows")
    legend(ax, loc="upper right")
    return ax


def plot_text_lengths(lengths: Scatter, ax: Any) -> Any:
    """Draw the words that were written against those of the true text; on the line, as many."""
    ax.scatter(
        lengths.targets, lengths.predictions, s=14, alpha=0.4, color=COLOURS[0], linewidths=0
    )
    most = max((*lengths.targets, *lengths.predictions), default=1.0)
    ax.plot([0, most], [0, most], color=GREY, linestyle="--", linewidth=1)
    ax.set_xlabel("words of the target")
    ax.set_ylabel("words that were written")
    title(ax, "Lengths (dashed: equal)")
    return ax
