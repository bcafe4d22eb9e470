"""How the loss fell: every report, a smoothed line, and the validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtune.events import (
    Controlled,
    Evaluated,
    Event,
    LayersUnfrozen,
    StepsDone,
    as_it_stands,
)
from nbtune.plots.decimating import decimate
from nbtune.plots.happened import SIGNS
from nbtune.plots.smoothing import smoothed
from nbtune.plots.style import GREY, TRAIN, VALIDATION, legend

POINTS = 500


def plot_loss(history: Sequence[tuple[float, Event]], ax: Any) -> Any:
    """Draw training and validation loss; marks the best step, and all that was done to the run.

    Parameters
    ----------
    history : sequence of (float, Event)
        As a run's folder gives it.
    ax : matplotlib Axes
        Drawn on, and returned.
    """
    history = as_it_stands(history)
    reports = [event for _, event in history if isinstance(event, StepsDone)]
    looks = [event for _, event in history if isinstance(event, Evaluated)]
    if reports:
        steps = np.array([event.step for event in reports])
        losses = np.array([event.loss for event in reports])
        known = np.isfinite(losses)
        steps, losses = steps[known], losses[known]
        ax.plot(*decimate(steps, losses, POINTS), color=TRAIN, alpha=0.35, linewidth=0.8)
        mean = decimate(steps, smoothed(losses), POINTS)
        ax.plot(*mean, color=TRAIN, linewidth=1.6, label="training")
    if looks:
        ax.plot(
            [event.step for event in looks],
            [event.loss for event in looks],
            color=VALIDATION,
            linestyle="--",
            marker="o",
            markersize=4,
            label="validation",
        )
    unfrozen = [event.step for _, event in history if isinstance(event, LayersUnfrozen)]
    for number, step in enumerate(unfrozen):
        label = "" if number else "one more layer trained"
        ax.axvline(step, color=TRAIN, alpha=0.5, linewidth=1, linestyle="-.", label=label)
    best = [event for event in looks if event.best]
    if best:
        ax.axvline(best[-1].step, color=GREY, linewidth=1, linestyle=":", label="weights kept")
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.set_ylim(bottom=0)
    if reports or looks:
        above = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.1}
        legend(ax, ncols=len(ax.get_legend_handles_labels()[0]), **above)
    _mark([event for _, event in history if isinstance(event, Controlled)], ax)
    return ax


def _mark(events: Sequence[Controlled], ax: Any) -> None:
    """Draw a sign where something was done to the run, on a thin line, and a legend of the signs.

    The legend stands beside the name of the axis, as there is no room beside that of the lines.
    """
    signs = []
    for action, sign in SIGNS.items():
        steps = sorted({event.step for event in events if event.action == action})
        for step in steps:
            ax.axvline(step, color=GREY, alpha=0.6, linewidth=0.7)
        if steps:
            own = {"marker": sign.marker, "markersize": 4, "color": GREY, "label": sign.words}
            on_top = {"transform": ax.get_xaxis_transform(), "clip_on": False, "linestyle": ""}
            signs += ax.plot(steps, [1.0] * len(steps), **own, **on_top)
    if signs:
        of_lines = ax.get_legend()
        below = {"loc": "upper left", "bbox_to_anchor": (0, -0.16), "borderaxespad": 0.1}
        legend(ax, handles=signs, ncols=len(signs), handletextpad=0.1, columnspacing=0.9, **below)
        ax.set_xlabel("step", loc="right")
        if of_lines is not None:
            ax.add_artist(of_lines)
