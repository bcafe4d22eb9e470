"""Curves of a record's labels: all of them thin, the averages thick, the worst named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbtune.plots.style import COLOURS, DASHES, GREY, legend
from nbtune.records import Curve

MOST_NAMED = 6
WORST_NAMED = 3
TOGETHER = ("micro", "macro")


def draw_curves(curves: Sequence[Curve], ax: Any, area: str) -> None:
    """Draw curves on the axes; with more than six labels only the worst three are named.

    Parameters
    ----------
    area : str
        What the area under the curve is called: ``AUC``, ``AP``.
    """
    labels = [curve for curve in curves if curve.label not in TOGETHER]
    together = [curve for curve in curves if curve.label in TOGETHER]
    named = labels
    if len(labels) > MOST_NAMED:
        named = sorted(labels, key=lambda curve: curve.area)[:WORST_NAMED]
        for curve in labels:
            if curve not in named:
                ax.plot(curve.x, curve.y, color=GREY, linewidth=0.7, alpha=0.5)
    for i, curve in enumerate([*together, *named]):
        ax.plot(
            curve.x,
            curve.y,
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i % len(DASHES)],
            linewidth=2.2 if curve in together else 1.2,
            label=f"{curve.label[:24]}: {area} {curve.area:.3f}",
        )
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.02)
    if curves:
        legend(ax, title=_title(labels, named), title_fontsize=8)
        if ax.get_legend():
            ax.get_legend().get_title().set_color(GREY)


def _title(labels: Sequence[Curve], named: Sequence[Curve]) -> str | None:
    return f"worst {len(named)} of {len(labels)} labels" if len(named) < len(labels) else None
