"""Curves of a record's labels: all of them thin, the averages thick, the worst named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbtune.plots.style import COLOURS, DASHES, GREY, legend
from nbtune.plots.texts import short
from nbtune.records import Curve

MOST_NAMED = 6
WORST_NAMED = 3
LONGEST_NAME = 20


def draw_curves(
    curves: Sequence[Curve], ax: Any, *, area: str, labels: int, place: str, steps: bool = False
) -> None:
    """Draw curves on the axes; with more than six labels only the worst three are named.

    Parameters
    ----------
    area : str
        What the area under the curve is called: ``AUC``, ``AP``.
    labels : int
        How many labels were judged; a record keeps the curves of the worst.
    place : str
        Where the legend goes.
    steps : bool
        Whether a point holds from the one before it, as precision does: between two points
        of a precision-recall curve nothing is known (Davis and Goadrich 2006).
    """
    own = [curve for curve in curves if not curve.average]
    named = own
    drawn = "steps-pre" if steps else "default"
    if len(own) > MOST_NAMED:
        named = sorted(own, key=lambda curve: curve.area)[:WORST_NAMED]
        for curve in own:
            if curve not in named:
                ax.plot(curve.x, curve.y, color=GREY, linewidth=0.7, alpha=0.5, drawstyle=drawn)
    together = [curve for curve in curves if curve.average]
    for i, curve in enumerate([*together, *named]):
        ax.plot(
            curve.x,
            curve.y,
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i % len(DASHES)],
            linewidth=2.2 if curve.average else 1.2,
            drawstyle=drawn,
            label=f"{curve.area:.3f}  {short(curve.label, LONGEST_NAME)}",
        )
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.02)
    if curves:
        worst = f", worst {len(named)} of {labels} labels"
        legend(ax, loc=place, title=area + (worst if len(named) < len(own) else ""))
