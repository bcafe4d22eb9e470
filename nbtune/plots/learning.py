"""How a score grows with the rows that are learnt from, and what more of them would bring."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from nbtune.plots.style import COLOURS, GREY, legend, new_figure, title
from nbtune.plots.texts import short
from nbtune.records import LOWER_IS_BETTER, LearningCurveRecord

LONGEST_NAME = 28


def plot_learning_curve(record: LearningCurveRecord, ax: Any) -> Any:
    """Draw each run as a point with its 95 % interval, the curve with its band, the baseline.

    What the curve foretells is dashed; where it carries no forecast it ends at the rows there are.
    """
    points, most = record.points, record.points[-1].rows
    sign = -1 if record.metric in LOWER_IS_BETTER else 1
    if record.law is not None and record.band is not None:
        _curve(record, ax, sign, most)
    for one in points:
        ax.plot([one.rows] * 2, [one.score.low, one.score.high], color=COLOURS[0], linewidth=1)
    rows = [one.rows for one in points]
    ax.plot(
        rows, [one.score.value for one in points], "o", color=COLOURS[0], markersize=5,
        label=short(record.run, LONGEST_NAME),
    )  # fmt: skip
    if record.rival and any(math.isfinite(one.rival) for one in points):
        ax.plot(
            rows, [one.rival for one in points], "s:", color=GREY, markersize=3.5, linewidth=1,
            label=short(record.rival, LONGEST_NAME),
        )  # fmt: skip
    ax.set_xscale("log")
    sizes = sorted({*rows, *([most + record.more] if record.gain else [])})
    ax.xaxis.set_major_locator(FixedLocator(sizes))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{size:,}" for size in sizes])
    ax.set_xlabel("training rows")
    ax.set_ylabel(f"{record.metric} on {record.rows:,} {short(record.split, 20)} rows")
    legend(ax, loc="upper right" if sign < 0 else "lower right")
    title(ax, f"Learning curve of {short(record.run, LONGEST_NAME)}")
    return ax


def _curve(record: LearningCurveRecord, ax: Any, sign: int, most: int) -> None:
    assert record.band is not None  # noqa: S101
    band = record.band
    last = most + record.more if record.gain else most
    shown = [i for i, rows in enumerate(band.rows) if rows <= last + 0.5]
    rows, value, low, high = (
        [column[i] for i in shown] for column in (band.rows, band.value, band.low, band.high)
    )
    signed = [[sign * one for one in column] for column in (value, low, high)]
    ax.fill_between(rows, signed[1], signed[2], color=COLOURS[0], alpha=0.15, linewidth=0)
    known = [i for i, one in enumerate(rows) if one <= most]
    ax.plot([rows[i] for i in known], [signed[0][i] for i in known], color=COLOURS[0])
    if record.gain is None:
        return
    ahead = known[-1:] + [i for i, one in enumerate(rows) if one > most]
    ax.plot(
        [rows[i] for i in ahead], [signed[0][i] for i in ahead], "--", color=COLOURS[0],
        label=f"foretold for {record.more:,} more",
    )  # fmt: skip


def learning_figure(record: LearningCurveRecord) -> Figure:
    """Draw the curve."""
    figure, axes = new_figure(6.4, 4.2)
    plot_learning_curve(record, axes[0, 0])
    return figure
