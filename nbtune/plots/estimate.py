"""What a run will take: time and memory, each as one bar of its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from nbtune.plots.style import COLOURS, VALIDATION, legend, new_figure
from nbtune.records import Estimate

HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo")
FAR = 3.0
"""A limit that lies further away than so many times the whole is only named."""


def plot_parts(parts: Mapping[str, float], ax: Any, *, unit: str, limit: float = math.inf) -> Any:
    """Draw one bar of parts that add up.

    Parameters
    ----------
    parts : mapping of str to float
        Amounts by name; those that are not known are left out.
    ax : matplotlib Axes
        Drawn on, and returned.
    unit : str
        Of the amounts, and what they are.
    limit : float
        How much there is; drawn where it is near.
    """
    left = 0.0
    known = {name: value for name, value in parts.items() if value > 0}
    for i, (name, value) in enumerate(known.items()):
        ax.barh(
            [0],
            [value],
            left=left,
            height=0.6,
            color=COLOURS[i % len(COLOURS)],
            hatch=HATCHES[i % len(HATCHES)],
            edgecolor="#ffffff55",
            label=f"{name} {_amount(value)}",
        )
        left += value
    if limit < FAR * left:
        name = f"there is {_amount(limit)}"
        ax.axvline(limit, color=VALIDATION, linestyle="--", linewidth=2.2, label=name)
    ax.set_yticks([])
    ax.set_ylim(-0.5, 0.5)
    ax.set_xlim(0, 1.05 * max(left, limit if limit < FAR * left else 0.0) or 1)
    ax.set_xlabel(unit)
    if known:
        legend(ax, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0)
    return ax


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def estimate_figure(record: Estimate) -> Figure:
    """Draw time and memory one above the other."""
    figure, axes = new_figure(6.6, 2.9, rows=2)
    scale, unit = (60, "min") if record.whole_seconds >= 180 else (1, "s")
    seconds = {name: value / scale for name, value in record.seconds.items()}
    plot_parts(seconds, axes[0, 0], unit=f"time ({unit})")
    mebibytes = {name: value / (1 << 20) for name, value in record.memory_bytes.items()}
    plot_parts(
        mebibytes, axes[1, 0], unit="memory at the peak (MiB)", limit=record.room_bytes / (1 << 20)
    )
    return figure
