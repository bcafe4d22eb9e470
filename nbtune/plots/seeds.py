"""How far each score moves with the seed, beside the best baseline."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.style import COLOURS, GREY, legend, new_figure, title
from nbtune.plots.texts import short
from nbtune.records import LOWER_IS_BETTER, SeedSpreadRecord, best_possible

LONGEST_NAME = 28


def plot_seed_spread(record: SeedSpreadRecord, ax: Any) -> Any:
    """Draw one line a score: a ring for each seed, the mean with its interval, the baseline.

    The interval is over rows and seeds. Scores in another unit than the one that decides are left
    out.
    """
    unit = _unit(record.metric)
    shown = [one for one in record.scores if _unit(one.name) == unit]
    for place, one in enumerate(shown):
        named = place == 0
        if math.isfinite(one.mean.low):
            ax.plot(
                [one.mean.low, one.mean.high], [place, place], color=COLOURS[0], linewidth=1.6,
                label="mean, 95 % over rows and seeds" if named else None,
            )  # fmt: skip
        ax.plot(
            one.values, [place] * len(one.values), "o", color=COLOURS[0], markerfacecolor="none",
            markersize=6, label="one seed" if named else None,
        )  # fmt: skip
        ax.plot(one.mean.value, place, "|", color=COLOURS[0], markersize=14, markeredgewidth=2)
        if math.isfinite(one.rival):
            ax.plot(
                one.rival, place, "D", color=GREY, markersize=5,
                label=short(record.rival, LONGEST_NAME) if named else None,
            )  # fmt: skip
    ax.set_yticks(range(len(shown)), [one.name for one in shown], fontsize=8)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlabel(f"score on {record.rows:,} {short(record.split, 20)} rows")
    legend(ax, loc="best")
    title(ax, f"{short(record.run, LONGEST_NAME)}: {len(record.runs)} seeds")
    return ax


def _unit(name: str) -> str:
    """Return what a score is in: a share, a hundredth, or a unit of its own."""
    if name in ("brier", "hamming_loss"):
        return "share"
    if name in LOWER_IS_BETTER or math.isinf(best_possible(name)):
        return name
    return "share" if best_possible(name) == 1 else "hundredth"


def seeds_figure(record: SeedSpreadRecord) -> Figure:
    """Draw the scores."""
    figure, axes = new_figure(6.4, max(2.6, 1.2 + 0.34 * len(record.scores)))
    plot_seed_spread(record, axes[0, 0])
    return figure
