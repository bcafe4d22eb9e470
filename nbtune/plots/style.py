"""One look for all figures: readable on white and on black, and without telling colours apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

WIDTH = 6.4
"""In inches, of a picture in a notebook: wider, its letters are too small on a narrow page."""
GREY = "#7a7a7a"
"""Has the same contrast, 4.3, to white and to the dark theme of JupyterLab."""
# Okabe and Ito's colours, those that show on white and black alike.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
TRAIN, VALIDATION = COLOURS[0], COLOURS[5]


def look(place: int) -> dict[str, Any]:
    """Return colour and dashes of the line at this place: no two of the first 36 have the same."""
    turn, colour = divmod(place, len(COLOURS))
    return {"color": COLOURS[colour], "linestyle": DASHES[(colour + turn) % len(DASHES)]}


def new_figure(
    width: float,
    height: float,
    rows: int = 1,
    columns: int = 1,
    widths: Sequence[float] | None = None,
) -> tuple[Figure, Any]:
    """Make a transparent figure, in inches, and its axes in an array of (rows, columns).

    ``widths`` are those of the columns, in proportion; by default all are alike.
    """
    figure = empty_figure(width, height)
    axes = figure.subplots(rows, columns, squeeze=False, width_ratios=widths)
    for ax in axes.flat:
        tidy(ax)
    return figure, axes


def empty_figure(width: float, height: float) -> Figure:
    """Make a transparent figure without axes, in inches."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(hspace=0.08))
    FigureCanvasAgg(figure)
    figure.patch.set_alpha(0)
    return figure


def tidy(ax: Any) -> None:
    """Draw axes in mid-grey without box or background; the axes are changed in place."""
    ax.patch.set_alpha(0)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)
    ax.tick_params(which="both", colors=GREY, labelsize=8)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_color(GREY)
        label.set_fontsize(9)
    ax.grid(alpha=0.2, color=GREY, linewidth=0.6)
    ax.set_axisbelow(True)


def title(ax: Any, text: str) -> None:
    """Write a title in the style of the axes."""
    ax.set_title(text, color=GREY, fontsize=10)


def name_at_left(ax: Any, name: str) -> None:
    """Write what is drawn above the axes, at the left, as it is spelled.

    It stands beside a short legend and above a long one.
    """
    legend = ax.get_legend()
    pad = 22 if legend is not None and len(legend.get_texts()) > 3 else 6
    look = {"color": GREY, "fontsize": 9, "fontweight": "bold"}
    ax.set_title(name, loc="left", pad=pad, parse_math=False, **look)


def legend(ax: Any, **options: Any) -> None:
    """Add a legend in the style of the axes; its texts are shown as they are."""
    made = ax.legend(
        frameon=False, labelcolor=GREY, fontsize=8, title_fontsize=8, alignment="left", **options
    )
    made.get_title().set_color(GREY)
    for text in made.get_texts():
        text.set_parse_math(False)
