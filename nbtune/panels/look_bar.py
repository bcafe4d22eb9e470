"""How the chart is drawn: smoothing, a scale of ratios, a part of the steps."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from nbtune.panels.chart import PLAIN, Look

SMOOTHEST = 0.99


class LookBar:
    """The controls of a chart, as widgets. They only remember: the chart is drawn by who trains.

    Attributes
    ----------
    box : Box
        What is to be displayed.
    heard : list of Widget
        Those that a page sends messages for.
    look : Look
        What was chosen.
    is_new : bool
        Whether it was chosen since the chart was last drawn.
    """

    def __init__(self) -> None:
        self.look, self.is_new = PLAIN, False
        own = {"style": {"description_width": "initial"}, "continuous_update": False}
        self.smoothing = widgets.FloatSlider(
            description="smoothing",
            tooltip="How much of what came before is in the line of the training loss",
            max=SMOOTHEST,
            step=0.01,
            readout_format=".2f",
            layout=widgets.Layout(width="210px"),
            **own,
        )
        self.share = widgets.IntRangeSlider(
            description="steps shown, %",
            tooltip="The part of the steps so far that is drawn",
            value=(0, 100),
            layout=widgets.Layout(width="240px"),
            **own,
        )
        self.log = widgets.Checkbox(
            description="log scale", indent=False, layout=widgets.Layout(width="auto")
        )
        self.heard = [self.smoothing, self.share, self.log]
        self.box = widgets.HBox(
            self.heard,
            layout=widgets.Layout(flex_flow="row wrap", align_items="center", grid_gap="0 10px"),
        )
        for one in self.heard:
            one.observe(self._choose, "value")

    def _choose(self, _: Any) -> None:
        low, high = self.share.value
        share = (low / 100, max(high, low + 1) / 100)
        self.look = Look(self.smoothing.value, self.log.value, share)
        self.is_new = True
