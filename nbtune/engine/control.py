"""Steering a run while it trains, and how an interrupt becomes such a wish."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from nbtune.engine.wishes import Wish, changeable, changed
from nbtune.errors import RunError
from nbtune.events import Controlled
from nbtune.recipe import Recipe

PAUSING = "pausing: what is under way is finished and saved; interrupt again to leave it out"
TERMINATED = "the process was told to end (SIGTERM)"
LISTENING_SECONDS = 0.03
"""How often `Control.between_steps` is called in a pause."""
LETTER_SECONDS = 0.2
"""How often one looks for letters: a folder is read, which between all steps would be too often."""


class Control:
    """Steers a run while it trains: any thread may call it, and the loop obeys between two steps.

    Each thing asked is written into the history of the run when it takes effect.

    Parameters
    ----------
    recipe : Recipe, optional
        What the run began with, so that a change is checked when it is asked for.
    course : iterable of Controlled, optional
        What an earlier course of this run, or another run, was asked: it is done again, each
        after the step it was done after then.
    letters : callable, optional
        Returns what other processes asked since it was last called: ``action`` and ``settings``
        of a `Wish`.

    Attributes
    ----------
    is_remote : bool
        Whether another process trains the run; false.
    status : str
        ``starting``, ``running``, ``paused`` or ``ended``.
    stop_reason, stop_message : str
        Why the loop shall end; empty when it shall not.
    is_forced : bool
        Whether an interrupt was raised where nothing is prepared for one.
    between_steps : callable
        Called by the loop between two steps and again and again in a pause, for who has something
        to ask and no thread to ask it from.
    """

    is_remote = False

    def __init__(
        self,
        recipe: Recipe | None = None,
        course: Iterable[Controlled] = (),
        letters: Callable[[], Iterable[Mapping[str, Any]]] = tuple,
    ) -> None:
        self.recipe, self.letters = recipe, letters
        self.course = [e for e in course if e.shapes_course or e.action == "stop"]
        self.can_evaluate = True
        self.status = "starting"
        self.stop_reason = self.stop_message = ""
        self.is_forced = False
        self.between_steps: Callable[[], None] = lambda: None
        self._looked = 0.0
        self._closed = 1
        self._wanted: list[Callable[[], None]] = []
        # Its `put` may come from a signal handler, in the middle of another call of it.
        self._wishes: SimpleQueue[Wish] = SimpleQueue()
        self._changing = threading.Lock()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that may change, with the values they have or were last asked to have."""
        return {} if self.recipe is None else changeable(self.recipe)

    @property
    def is_asked(self) -> bool:
        """Whether something that was asked is still to be taken up."""
        return not self._wishes.empty()

    def pause(self) -> None:
        """Save after the current step, and wait there until `resume` or `stop`."""
        self._ask(Wish("pause"))

    def resume(self) -> None:
        """Go on after a pause."""
        self._ask(Wish("resume"))

    def save(self) -> None:
        """Make a checkpoint after the current step."""
        self._ask(Wish("save"))

    def evaluate(self) -> None:
        """Score the validation rows after the current step.

        Its weights are kept if they are the best so far; it never counts against patience.

        Raises
        ------
        RunError
            When the run has no validation rows.
        """
        self._refuse_without_rows("evaluate")
        self._ask(Wish("evaluate"))

    def change(self, **settings: Any) -> None:
        """Give settings other values from the next step on.

        The run goes on as if the new values had stood in its recipe from the beginning:

        - ``learning_rate`` is the highest rate of the schedule, so the rate of every step to come
          is multiplied by new / old, that of the head too where it has its own; where the
          schedule stands does not change.
        - ``num_train_epochs`` moves the end, and the schedule is stretched or shrunk to it: the
          rate at step ``s`` is what it would be at step ``s`` of a run of the new length. A number
          that is reached already ends the run.
        - ``early_stopping_patience``, None for without, is compared with the evaluations that
          brought nothing better until now.
        - ``eval_steps`` counts from the first step of the run; None is once an epoch.

        Raises
        ------
        RecipeError
            At once, naming everything that is wrong, when a value cannot be used or a setting
            cannot change.
        RunError
            When the run has ended.

        Examples
        --------
        >>> control = Control(Recipe())
        >>> control.change(lr=1e-5, epochs=4)
        >>> control.settings["num_train_epochs"]
        4.0
        """
        with self._changing:
            recipe = changed(self.recipe or Recipe(), settings)
            if recipe.eval_strategy == "steps":
                self._refuse_without_rows("eval_steps")
            self._ask(Wish("change", settings))
            self.recipe = self.recipe and recipe

    def stop(self, reason: str = "interrupted", message: str = "stopped by hand") -> None:
        """End the run after the current step, saved and with its best weights kept.

        The first reason counts. The run is then *paused*: it can be taken up again.
        """
        if not self.stop_reason:
            self.stop_reason, self.stop_message = reason, message
        self._wishes.put(Wish("stop"))

    def take(self, step: int, taken: int, *, wait: bool = False) -> Wish | None:
        """Return what is to be done after this step, one thing at a time; the loop calls this.

        Parameters
        ----------
        taken : int
            How many things of the course were done so far.
        wait : bool
            Sleep until there is something.
        """
        self._listen()
        if taken < len(self.course) and self.course[taken].step <= step:
            done = self.course[taken]
            settings = {done.setting: done.value} if done.setting else {}
            return Wish(done.action, settings, is_new=False)
        if not wait and self._wishes.empty():
            return None
        while True:
            try:
                return self._wishes.get(timeout=LISTENING_SECONDS)
            except Empty:
                self._listen()

    def _listen(self) -> None:
        """Let others ask who have no thread to ask from, or are another process."""
        self.between_steps()
        if (now := time.monotonic()) - self._looked < LETTER_SECONDS:
            return
        self._looked = now
        for letter in self.letters():
            action, settings = letter.get("action"), letter.get("settings")
            if action == "stop":
                self.stop()
            elif isinstance(action, str) and isinstance(settings, dict):
                self._wishes.put(Wish(action, settings))

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let interrupts break off this block, and only such blocks; it must leave no trace."""
        self._closed -= 1
        try:
            self._do_wanted()
            yield
        finally:
            self._closed += 1

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Keep interrupts out of this part of an interruptible block, until its end."""
        self._closed += 1
        try:
            yield
        finally:
            self._closed -= 1
        self._do_wanted()

    def want(self, action: Callable[[], None]) -> None:
        """Do something as soon as the loop can be interrupted."""
        self._wanted.append(action)
        self._do_wanted()

    def _do_wanted(self) -> None:
        while self._wanted and not self._closed:
            self._wanted.pop(0)()

    def _ask(self, wish: Wish) -> None:
        if self.status == "ended":
            raise RunError("this run is not training any more", hint="go on with it: %resume NAME")
        self._wishes.put(wish)

    def _refuse_without_rows(self, what: str) -> None:
        if not self.can_evaluate:
            raise RunError(
                f"{what}: this run has no validation rows", hint="start one with validation_size"
            )

    def __repr__(self) -> str:
        return f"<Control: {self.status}>"


_STEERED: dict[Path, Control] = {}


@contextmanager
def steered(folder: Path, control: Control) -> Iterator[None]:
    """Let `find_control` find the control of a run while it trains in this process."""
    place = folder.resolve()
    _STEERED[place] = control
    try:
        yield
    finally:
        control.status = "ended"
        _STEERED.pop(place, None)


def find_control(folder: Path | None = None) -> Control | None:
    """Return the control of the run in this folder, or of the one that trains here, if any."""
    if folder is not None:
        return _STEERED.get(folder.resolve())
    return next(reversed(list(_STEERED.values())), None)


@contextmanager
def interrupts(control: Control, tell: Callable[[str], None]) -> Iterator[None]:
    """Turn the first interrupt into a wish to pause; later ones raise KeyboardInterrupt.

    The second is raised where the loop can be interrupted, never in an update of the weights or
    a save; the third is raised wherever it comes. SIGTERM leaves out what is open, as the second
    does, and once the run is saved it does what it does elsewhere. Outside the main thread, where
    signals do not arrive, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    count, is_terminated = 0, False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count == 1:
            control.stop(message="")
            control.want(lambda: tell(PAUSING))
        elif count == 2:
            control.want(_leave)
        else:
            control.is_forced = True
            _leave()

    def terminate(number: int, frame: FrameType | None) -> None:
        nonlocal is_terminated
        is_terminated = True
        control.stop(message=TERMINATED)
        control.want(_leave)

    ours = {signal.SIGINT: handle, signal.SIGTERM: terminate}
    before = {number: signal.signal(number, handler) for number, handler in ours.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if is_terminated:
            signal.raise_signal(signal.SIGTERM)


def _leave() -> None:
    raise KeyboardInterrupt
