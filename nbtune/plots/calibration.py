"""How often a model is right against how sure it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbtune.plots.style import COLOURS, GREY, legend, title
from nbtune.records import Calibration


def plot_calibration(calibration: Calibration, ax: Any) -> Any:
    """Draw the reliability diagram: each bin with its interval, and how many rows it holds.

    On the dotted line the model is as often right as it is sure; below it is too sure.
    """
    bins = calibration.bins
    sure = np.array([one.confidence for one in bins])
    right = np.array([one.accuracy for one in bins])
    ends = np.array([(one.low, one.high) for one in bins]).reshape(-1, 2)
    rows = np.array([one.rows for one in bins])
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    most = max(rows, default=1)
    ax.bar(sure, 0.18 * rows / most, width=0.03, color=GREY, alpha=0.45, label="rows")
    reach = np.maximum([right - ends[:, 0], ends[:, 1] - right], 0)
    ax.errorbar(
        sure, right, reach, fmt="o-", color=COLOURS[0], linewidth=1.2, markersize=4,
        elinewidth=1, label="right, 95 %",
    )  # fmt: skip
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.02)
    ax.set_xlabel("probability that the model gives")
    ax.set_ylabel("share that is right")
    heat = f", temperature {calibration.temperature:.2f}" if calibration.temperature != 1 else ""
    if bins:
        legend(ax, loc="best", title=f"ECE {calibration.ece:.3f}{heat}")
    title(ax, "Calibration")
    return ax
