"""Predicted numbers against true ones."""

from __future__ import annotations

from typing import Any

from nbtune.plots.style import COLOURS, GREY, title
from nbtune.records import Scatter


def plot_scatter(scatter: Scatter, ax: Any) -> Any:
    """Draw one dot a row; on the line the prediction is right."""
    ax.scatter(
        scatter.targets, scatter.predictions, s=14, alpha=0.5, color=COLOURS[0], linewidths=0
    )
    low = min(*scatter.targets, *scatter.predictions)
    high = max(*scatter.targets, *scatter.predictions)
    ax.plot([low, high], [low, high], color=GREY, linestyle="--", linewidth=1)
    ax.set_xlabel("true")
    ax.set_ylabel("predicted")
    title(ax, "Predicted against true (dashed: equal)")
    return ax


def plot_misses(scatter: Scatter, ax: Any) -> Any:
    """Draw how often predictions are how far off."""
    apart = [said - true for true, said in zip(scatter.targets, scatter.predictions, strict=True)]
    # Numbers that differ by less than they are exact to cannot be told apart in bins.
    are_apart = max(apart) - min(apart) > 1e-9 * max(1.0, *map(abs, apart))
    ax.hist(apart, bins=30 if are_apart else 1, color=COLOURS[0])
    ax.axvline(0, color=GREY, linestyle="--", linewidth=1)
    ax.set_xlabel("predicted - true")
    ax.set_ylabel("rows")
    title(ax, "How far off")
    return ax
