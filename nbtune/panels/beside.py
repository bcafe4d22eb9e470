"""Which earlier runs are drawn under the live curve: a box to tick for each."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import ipywidgets as widgets

from nbtune.panels.curve import MOST, Curve
from nbtune.panels.later import Latest
from nbtune.panels.state import RunView
from nbtune.plots.texts import short
from nbtune.runs import RunFolder
from nbtune.runs.following import Follower
from nbtune.runs.relatives import relatives

LONGEST_NAME = 28
SECONDS_A_LOOK = 2.0
"""How often a run that trains meanwhile is read again."""


class Beside:
    """Boxes to tick, hidden until it is known that there are other runs.

    Folders and histories are read in a thread of their own, so that the training waits for
    nothing; what was read is only drawn by who draws the run.

    Attributes
    ----------
    box : Box
        What is to be displayed.
    ticks : list of Checkbox
        One for each run that there may be.
    curves : tuple of Curve
        Of the runs that are ticked.
    """

    def __init__(self, folder: RunFolder | None, chosen: Callable[[], None]) -> None:
        self.folder, self._chosen = folder, chosen
        self.curves: tuple[Curve, ...] = ()
        self._runs: list[_Read] | None = None
        self._looked = 0.0
        self._reader = Latest(self._read, self._show, _note, pause=0.0)
        count = MOST if folder is not None else 0
        self.ticks = [
            widgets.Checkbox(indent=False, layout=widgets.Layout(width="auto", display="none"))
            for _ in range(count)
        ]
        words = widgets.HTML("under it, thin:")
        self.box = widgets.HBox(
            [words, *self.ticks],
            layout=widgets.Layout(display="none", flex_flow="row wrap", grid_gap="0 12px"),
        )
        for tick in self.ticks:
            tick.observe(lambda _: self._reader.ask(), "value")

    def begin(self) -> None:
        """Look what runs there are."""
        if self.folder is not None:
            self._reader.ask()

    def look_again(self) -> None:
        """Read on in those that train at the same time, when it is time to."""
        shown = [run for run, tick in zip(self._runs or (), self.ticks, strict=False) if tick.value]
        is_due = time.monotonic() - self._looked > SECONDS_A_LOOK
        if is_due and any(run.view.stop is None for run in shown):
            self._looked = time.monotonic()
            self._reader.ask()

    def end(self) -> None:
        """Read no more."""
        self._reader.forget()

    def wait(self) -> None:
        """Return when everything is read."""
        self._reader.wait()

    def _read(self) -> tuple[Curve, ...]:
        if self._runs is None and self.folder is not None:
            self._runs = [_Read(run) for run in relatives(self.folder, MOST)]
        pairs = zip(self._runs or (), self.ticks, strict=False)
        return tuple(run.curve() for run, tick in pairs if tick.value)

    def _show(self, curves: tuple[Curve, ...]) -> None:
        if self._runs and self.box.layout.display == "none":
            for run, tick in zip(self._runs, self.ticks, strict=False):
                tick.description = short(run.view.title, LONGEST_NAME)
                tick.tooltip = f"Draw the curve of {run.view.title} under this one"
                tick.layout.display = ""
            self.box.layout.display = ""
        if curves or self.curves:
            self.curves = curves
            self._chosen()


class _Read:
    """A run, as far as its history was read."""

    def __init__(self, folder: RunFolder) -> None:
        self.follower, self.view = Follower(folder), RunView(folder.title)

    def curve(self) -> Curve:
        for _, event in self.follower.new():
            self.view.apply(event)
        return Curve.of(self.view)


def _note(error: Exception) -> None:
    logging.getLogger("nbtune").debug("no curves of other runs: %r", error)
