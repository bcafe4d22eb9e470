"""Curves of a record's labels: all of them thin, the averages thick, the worst named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nbtune.plots.style import COLOURS, GREY, legend, look
from nbtune.plots.texts import short
from nbtune.records import Curve, Decisions, OperatingPoint

MOST_NAMED = 6
_LINE, _WIDE = 0.083, 0.55
"""Of the axes: the height of a line of a legend, and how wide one is."""
WORST_NAMED = 3
LONGEST_NAME = 20


def draw_curves(
    curves: Sequence[Curve],
    ax: Any,
    *,
    area: str,
    labels: int,
    place: str,
    steps: bool = False,
    operating: Sequence[OperatingPoint] = (),
    where: Callable[[Decisions], tuple[float, float]] | None = None,
) -> None:
    """Draw curves on the axes; with more than six labels only the worst three are named.

    Labels that are given from a probability on have a dot there.

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
    operating : sequence of OperatingPoint
        The operating points of the labels.
    where : callable, optional
        What was decided to a point of these axes.
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
            **look(i),
            linewidth=2.2 if curve.average else 1.2,
            drawstyle=drawn,
            label=f"{curve.area:.3f}  {short(curve.label, LONGEST_NAME)}",
        )
    if where is not None:
        _draw_points(operating, where, [curve.label for curve in named], ax, len(together))
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.02)
    if curves:
        worst = f", worst {len(named)} of {labels} labels"
        lines = 1 + len(together) + len(named)
        if any(_crosses(curve, place, _LINE * lines) for curve in curves):
            place = "upper left"  # above all curves, where nothing can run through it
            ax.set_ylim(-0.01, 1.05 / (1 - _LINE * lines))
            ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
        named_by = area + (worst if len(named) < len(own) else "")
        legend(ax, loc=place, title=named_by, labelspacing=0.25)


def _crosses(curve: Curve, place: str, height: float) -> bool:
    """Say whether a curve runs through the corner at the bottom where a legend is to stand."""
    inside = {"lower left": lambda x: x < _WIDE, "lower right": lambda x: x > 1 - _WIDE}.get(place)
    if inside is None:
        return False
    return any(inside(x) and 0 < y < height for x, y in zip(curve.x, curve.y, strict=True))


def _draw_points(
    operating: Sequence[OperatingPoint],
    where: Callable[[Decisions], tuple[float, float]],
    named: Sequence[str],
    ax: Any,
    before: int,
) -> None:
    """Mark on the named curves what is decided; hollow, what one half would decide."""
    by_label = {point.label: point for point in operating}
    for place, label in enumerate(named):
        if (point := by_label.get(label)) is None:
            continue
        colour = COLOURS[(before + place) % len(COLOURS)]
        alone = len(named) == 1
        ax.plot(
            *where(point.at), "o", color=colour, markersize=6, zorder=3,
            label=f"from {point.at.threshold:.3g} on" if alone else None,
        )  # fmt: skip
        if alone and point.at.threshold != point.usual.threshold:
            ax.plot(
                *where(point.usual), "o", color=colour, markerfacecolor="none", markersize=6,
                label=f"from {point.usual.threshold:g} on",
            )  # fmt: skip
