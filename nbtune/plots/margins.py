"""By how much preferred answers are worth more than others."""

from __future__ import annotations

from typing import Any

from nbtune.plots.style import COLOURS, GREY, title
from nbtune.records import Scatter

BINS = 31


def plot_margins(rewards: Scatter, ax: Any) -> Any:
    """Draw how often chosen answers are how much ahead; behind in the other colour."""
    apart = [one - other for one, other in zip(rewards.targets, rewards.predictions, strict=True)]
    widest = max(map(abs, apart), default=0.0) or 1.0
    edges = [widest * (2 * i / BINS - 1) for i in range(BINS + 1)]  # zero is inside the middle one
    behind = [one for one in apart if one < 0]
    ahead = [one for one in apart if one >= 0]
    told = [f"ahead ({len(ahead):,})", f"behind ({len(behind):,})"]
    ax.hist([ahead, behind], bins=edges, stacked=True, color=COLOURS[:2], label=told)
    ax.set_xlabel("reward of chosen - rejected answer")
    title(ax, "How far chosen answers are ahead")
    return _of_rows(ax)


def plot_rewards(rewards: Scatter, ax: Any) -> Any:
    """Draw one dot a row: above the line the chosen answer is worth more."""
    ax.scatter(
        rewards.predictions, rewards.targets, s=14, alpha=0.5, color=COLOURS[0], linewidths=0
    )
    ends = [*rewards.targets, *rewards.predictions] or [0.0]
    low, high = min(ends), max(ends)
    ax.plot([low, high], [low, high], color=GREY, linestyle="--", linewidth=1)
    ax.set_xlabel("reward of the rejected answer")
    ax.set_ylabel("reward of the chosen answer")
    title(ax, "Rewards (dashed: equal)")
    return ax


def plot_likings(likings: Scatter, ax: Any) -> Any:
    """Draw how much answers are worth that are liked, and those that are not."""
    pairs = list(zip(likings.targets, likings.predictions, strict=True))
    liked, others = ([worth for told, worth in pairs if bool(told) is one] for one in (True, False))
    told = [f"liked ({len(liked):,})", f"not liked ({len(others):,})"]
    ax.hist([liked, others], bins=BINS, color=COLOURS[:2], label=told)
    ax.set_xlabel("reward of the answer")
    title(ax, "What answers are worth")
    return _of_rows(ax)


def _of_rows(ax: Any) -> Any:
    """Mark nothing's worth, and say what is counted."""
    ax.axvline(0, color=GREY, linestyle="--", linewidth=1)
    ax.set_ylabel("rows")
    ax.legend(frameon=False, fontsize=8, labelcolor=GREY)
    return ax
