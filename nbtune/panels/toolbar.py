"""Buttons and fields that steer a run while it trains.

Their callbacks may run in another thread than the training. They ask the run's control, which any
thread may, and say in words what was asked; nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import ipywidgets as widgets

from nbtune.errors import NbtuneError
from nbtune.panels.html import render

LOWEST, HIGHEST = 3, 2
"""Decades below and above the rate at the start that the slider goes through."""


class Steerable(Protocol):
    """What a toolbar needs of a run; the engine's `Control` is one."""

    is_remote: bool
    stop_reason: str
    between_steps: Callable[[], None]

    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def can_evaluate(self) -> bool: ...  # noqa: D102
    @property
    def is_asked(self) -> bool: ...  # noqa: D102
    @property
    def settings(self) -> dict[str, Any]: ...  # noqa: D102
    def pause(self) -> None: ...  # noqa: D102
    def resume(self) -> None: ...  # noqa: D102
    def stop(self) -> None: ...  # noqa: D102
    def save(self) -> None: ...  # noqa: D102
    def evaluate(self) -> None: ...  # noqa: D102
    def change(self, **settings: Any) -> None: ...  # noqa: D102


class Toolbar:
    """The controls of one run, as widgets.

    Attributes
    ----------
    box : VBox
        What is to be displayed.
    heard : list of Widget
        Those that a page sends messages for.
    """

    def __init__(self, control: Steerable) -> None:
        self.control = control
        self.asked = ""
        self.said: tuple[str, bool] | None = None
        self.settings: dict[str, Any] = {}
        self.pause = _button("Pause", "pause", "Save after this step and wait there", self._pause)
        self.stop = _button("Stop and keep", "stop", KEPT, self._stop)
        self.save = _button("Save", "save", "Make a checkpoint after this step", self._save)
        self.evaluate = _button("Evaluate", "check", EVALUATED, self._evaluate)
        self.rate = _field("learning rate", RATE, self._type_rate, "170px")
        self.slider = _rate_slider(control.settings["learning_rate"], self._slide)
        self.epochs = _field("epochs in all", EPOCHS, self._type_epochs, "150px")
        self.words, self.problem = widgets.HTML(), widgets.HTML()
        buttons = [self.pause, self.stop, self.save, self.evaluate]
        fields = [self.rate, self.slider, self.epochs]
        self.heard = [*buttons, *fields]
        self.box = widgets.VBox(
            [_row([*buttons, self.words]), _row(fields), self.problem],
            layout=widgets.Layout(max_width="660px", overflow="hidden"),
        )
        self.show(control.status)

    def show(self, state: str) -> None:
        """Bring buttons and fields in line with the run.

        Parameters
        ----------
        state : str
            The state in words, as a screen reader says it when it changes.
        """
        paused = self.control.status == "paused"
        self.pause.description, self.pause.icon = (
            ("Resume", "play") if paused else ("Pause", "pause")
        )
        self.pause.tooltip = "Go on from here" if paused else "Save after this step and wait there"
        for one in self.heard:
            one.disabled = bool(self.control.stop_reason)
        if not self.control.can_evaluate:
            self.evaluate.disabled = True
        if not self.control.is_asked:
            self.asked = ""
        self._say(self.asked or state, seen=bool(self.asked))
        self._settle()

    def close(self) -> None:
        """Take the controls away: there is nothing left to steer."""
        self.box.layout.display = "none"
        for one in self.heard:
            one.disabled = True

    def _say(self, words: str, *, seen: bool = True) -> None:
        """Say the state; unless ``seen`` to screen readers only, as the card shows it too."""
        if (words, seen) != self.said:
            self.said = words, seen
            self.words.value = render("words.html.j2", words=words, seen=seen)

    def _settle(self) -> None:
        """Show the settings that are in force, or were last asked for."""
        settings = self.control.settings
        if settings == self.settings:
            return
        self.settings = settings
        rate, epochs = settings["learning_rate"], settings["num_train_epochs"]
        self.rate.value = "" if rate is None else f"{rate:g}"
        self.epochs.value = f"{epochs:g}"
        if rate:
            exponent = math.log10(rate)
            self.slider.min = min(self.slider.min, math.floor(exponent))
            self.slider.max = max(self.slider.max, math.ceil(exponent))
            if _slid_to(self.slider.value) != _slid_to(rate):
                self.slider.value = rate

    def _ask(self, words: str, ask: Callable[[], None]) -> None:
        """Ask something of the run; what cannot be is said at the controls."""
        self.problem.value = ""
        self.asked = words  # before it is asked, so that what comes of it is said after
        self._say(words)
        try:
            ask()
        except NbtuneError as error:
            self.asked = ""
            self._say("not done")
            words = error.problem.removeprefix("change: ")
            self.problem.value = render("refused.html.j2", words=words)

    def _pause(self, _: Any) -> None:
        if self.control.status == "paused":
            self._ask("going on", self.control.resume)
        else:
            self._ask("pausing after this step", self.control.pause)

    def _stop(self, _: Any) -> None:
        self._ask("stopping after this step", self.control.stop)

    def _save(self, _: Any) -> None:
        self._ask("saving after this step", self.control.save)

    def _evaluate(self, _: Any) -> None:
        self._ask("scoring after this step", self.control.evaluate)

    def _slide(self, change: Any) -> None:
        rate = _slid_to(change["new"])
        if rate != _slid_to(self.control.settings["learning_rate"] or 0.0):
            self._change("learning_rate", rate)

    def _type_rate(self, change: Any) -> None:
        self._type("learning_rate", change["new"])

    def _type_epochs(self, change: Any) -> None:
        self._type("num_train_epochs", change["new"])

    def _type(self, setting: str, text: str) -> None:
        in_force = self.control.settings[setting]
        if text.strip() == ("" if in_force is None else f"{in_force:g}"):
            self.problem.value = ""
            return
        try:
            value: Any = float(text)
        except ValueError:
            value = text.strip() or None  # the recipe knows best what is wrong with it
        self._change(setting, value)

    def _change(self, setting: str, value: Any) -> None:
        self._ask("changing it after this step", lambda: self.control.change(**{setting: value}))
        self._settle()


KEPT = "End the run after this step; it is saved and its best weights are kept"
EVALUATED = "Score the validation rows after this step; never counts against patience"
RATE = "Highest rate of the schedule, from the next step on; Enter sets it"
EPOCHS = "Epochs of the whole run; the schedule ends there. Enter sets it"


def _button(words: str, icon: str, tooltip: str, pressed: Callable[[Any], None]) -> Any:
    layout = widgets.Layout(width="auto")
    button = widgets.Button(description=words, icon=icon, tooltip=tooltip, layout=layout)
    button.on_click(pressed)
    return button


def _field(label: str, tooltip: str, typed: Callable[[Any], None], width: str) -> Any:
    field = widgets.Text(
        description=label,
        tooltip=tooltip,
        continuous_update=False,
        layout=widgets.Layout(width=width),
        style={"description_width": "initial"},
    )
    field.observe(typed, "value")
    return field


def _rate_slider(rate: float | None, slid: Callable[[Any], None]) -> Any:
    """Make a slider over some decades around a rate; its number stands in the field beside it."""
    middle = math.floor(math.log10(rate or 1e-4))
    slider = widgets.FloatLogSlider(
        value=rate or 1e-4,
        min=middle - LOWEST,
        max=middle + HIGHEST,
        step=0.05,
        description="rate",
        readout=False,
        continuous_update=False,
        tooltip="The same as the number beside it, by ratios",
        layout=widgets.Layout(width="250px"),
        style={"description_width": "initial"},
    )
    slider.observe(slid, "value")
    return slider


def _row(members: list[Any]) -> Any:
    layout = widgets.Layout(flex_flow="row wrap", align_items="center", grid_gap="0 6px")
    return widgets.HBox(members, layout=layout)


def _slid_to(value: float) -> float:
    """Round a place on the slider to two digits, as one would type it."""
    return float(f"{value:.2g}")
