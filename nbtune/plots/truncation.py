"""What each limit on the length of texts costs, and saves."""

from __future__ import annotations

from typing import Any

from nbtune.plots.style import legend, look, title
from nbtune.records import Lengths


def plot_truncation(record: Lengths, ax: Any) -> Any:
    """Draw rows cut, tokens lost, and the time of a step where it is known, in per cent."""
    limits = [one.max_length for one in record.truncation]
    curves = {
        "rows cut": [100 * one.rows for one in record.truncation],
        "tokens lost": [100 * one.tokens for one in record.truncation],
    }
    if record.truncation[0].time is not None:
        curves["time of a step"] = [100 * (one.time or 0) for one in record.truncation]
    if record.truncation[0].learnt is not None:
        curves["answers lost"] = [100 * (one.learnt or 0) for one in record.truncation]
    for i, (name, values) in enumerate(curves.items()):
        ax.plot(limits, values, marker="o", markersize=3.5, label=name, **look(i))
    ax.set_xscale("log", base=2)
    ticks = limits[:: max(1, len(limits) // 6)]
    # Of two limits that are nearly the same the numbers would lie on each other.
    ticks = [one for one, other in zip(ticks, [*ticks[1:], 1e9], strict=True) if other > 1.2 * one]
    ax.set_xticks(ticks, [f"{limit:,}" for limit in ticks])
    ax.minorticks_off()
    ax.set_ylim(-3, 103)
    ax.set_xlabel("max_length (tokens)")
    ax.set_ylabel("%")
    legend(ax)
    title(ax, "Cost of a limit")
    return ax
