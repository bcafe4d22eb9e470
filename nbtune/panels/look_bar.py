"""How the chart is drawn: smoothing, a scale of ratios, a part of the steps, other runs."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from nbtune.panels.beside import Beside
from nbtune.panels.chart import PLAIN, Look
from nbtune.runs import RunFolder

SMOOTHEST = 0.99


class LookBar:
    """The controls of a chart, as widgets. They only remember: the chart is drawn by who trains.

    Parameters
    ----------
    folder : RunFolder, optional
        Of the run, to find others like it.

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

    def __init__(self, folder: RunFolder | None = None) -> None:
        self.look, self.is_new = PLAIN, False
        self.beside = Beside(folder, self._choose)
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
        own_look = [self.smoothing, self.share, self.log]
        self.heard = [*own_look, *self.beside.ticks]
        layout = widgets.Layout(
            flex_flow="row wrap", align_items="center", grid_gap="0 10px", max_width="660px"
        )
        self.box = widgets.HBox([*own_look, self.beside.box], layout=layout)
        for one in own_look:
            one.observe(self._choose, "value")

    def _choose(self, _: Any = None) -> None:
        low, high = self.share.value
        share = (low / 100, max(high, low + 1) / 100)
        self.look = Look(self.smoothing.value, self.log.value, share, self.beside.curves)
        self.is_new = True
