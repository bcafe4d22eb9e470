"""Curves of a label to click on: each point is a threshold, and shows the rows at or above it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from nbtune.panels.controls import dropdown
from nbtune.panels.html import number, percent, render
from nbtune.records import CurveStop

WIDTH, HEIGHT, MARGIN = 190, 150, 8
POINTS = 12
NO_LABEL = "choose a label"
_RADIUS = 6


class CurvePicker:
    """ROC and precision-recall curve of a label; ``picked`` is told of the point that was chosen.

    Parameters
    ----------
    labels : sequence of str
        The labels that there are.
    curve : callable
        A label to its thresholds, the highest first.
    picked : callable
        Told when another point, or none, is chosen; ``chosen`` has label and threshold.
    """

    def __init__(
        self,
        labels: Sequence[str],
        curve: Callable[[str], Sequence[CurveStop]],
        picked: Callable[[], None],
    ) -> None:
        self.chosen: tuple[str, CurveStop] | None = None
        self._curve, self._picked = curve, picked
        self.label = dropdown("curve of", [NO_LABEL, *labels])
        self.curves = widgets.HBox([], layout=widgets.Layout(flex_flow="row wrap"))
        self._points: dict[CurveStop, list[Any]] = {}
        self.box = widgets.VBox([self.label, self.curves])
        self.label.observe(lambda _: self._draw(), "value")

    @property
    def words(self) -> str:
        """What was chosen; empty for nothing."""
        if self.chosen is None:
            return ""
        label, stop = self.chosen
        return f" with p({label}) ≥ {number(stop.threshold)} ({_shares(stop)})"

    def _draw(self) -> None:
        label, self._points = self.label.value, {}
        shown = [] if label == NO_LABEL else list(self._curve(label))
        step = max(1, -(-len(shown) // POINTS))
        points = shown[step - 1 :: step]
        self.curves.children = [
            self._one(shown, points, *axes)
            for axes in (
                ("ROC", "false positive rate", "true positive rate", _roc),
                ("precision and recall", "recall", "precision", _pr),
            )
            if shown
        ]
        self._choose(None)

    def _one(
        self,
        stops: Sequence[CurveStop],
        points: Sequence[CurveStop],
        title: str,
        across: str,
        upwards: str,
        place: Callable[[CurveStop], tuple[float, float]],
    ) -> Any:
        """Draw one curve, and put a button where each point stands."""
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(_at, map(place, stops)))
        drawn = widgets.HTML(
            render("curve_picker.html.j2", title=title, across=across, upwards=upwards, line=line,
                   width=WIDTH, height=HEIGHT, margin=MARGIN)
        )  # fmt: skip
        buttons = [self._button(stop, *_at(place(stop))) for stop in points]
        box = widgets.Box([drawn, *buttons])
        box.add_class("nbt-curve")
        return box

    def _button(self, stop: CurveStop, x: float, y: float) -> Any:
        made = widgets.Button(
            tooltip=f"{number(stop.threshold)} or more: {_said(stop)}",
            layout=widgets.Layout(left=f"{x - _RADIUS:.0f}px", top=f"{y - _RADIUS:.0f}px"),
        )
        made.add_class("nbt-point")
        made.on_click(lambda _: self._choose(stop))
        self._points.setdefault(stop, []).append(made)
        return made

    def _choose(self, stop: CurveStop | None) -> None:
        """Choose a point; the chosen one again chooses none."""
        again = self.chosen is not None and self.chosen[1] == stop
        self.chosen = None if stop is None or again else (self.label.value, stop)
        for one, buttons in self._points.items():
            for made in buttons:
                is_chosen = self.chosen is not None and self.chosen[1] == one
                (made.add_class if is_chosen else made.remove_class)("nbt-picked")
        self._picked()


def _roc(stop: CurveStop) -> tuple[float, float]:
    return stop.false_rate, stop.recall


def _pr(stop: CurveStop) -> tuple[float, float]:
    return stop.recall, stop.precision


def _at(share: tuple[float, float]) -> tuple[float, float]:
    """Return where two shares stand in the picture, in pixels."""
    return MARGIN + share[0] * WIDTH, MARGIN + (1 - share[1]) * HEIGHT


def _said(stop: CurveStop) -> str:
    return f"{stop.rows:,} row{'s' * (stop.rows != 1)}, {_shares(stop)}"


def _shares(stop: CurveStop) -> str:
    return f"precision {percent(stop.precision)}, recall {percent(stop.recall)}"
