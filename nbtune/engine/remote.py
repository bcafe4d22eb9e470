"""Steers a run that another process trains, as `Control` steers one of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nbtune.engine.wishes import changeable, changed
from nbtune.errors import RecipeError, RunError
from nbtune.events import Controlled, RunStarted, RunStopped
from nbtune.recipe import from_yaml
from nbtune.runs import RunFolder
from nbtune.runs.following import Follower
from nbtune.runs.letters import is_letter_waiting, leave_letter


class RemoteControl:
    """Leaves letters for the run, and reads in its history what became of them.

    Any thread may call it. What can be seen to be impossible is refused at once, as by `Control`.

    Attributes
    ----------
    stop_reason : str
        Not empty once it was asked from here that the run shall end.
    """

    is_remote = True

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.stop_reason = ""
        self.between_steps: Callable[[], None] = lambda: None
        self._status = "starting"
        self._recipe = from_yaml(folder.recipe_text)
        self._can_evaluate = "validation" in folder.about.get("rows", {})
        self._follower = Follower(folder)
        self._reading = threading.Lock()

    @property
    def status(self) -> str:
        """``starting``, ``running``, ``paused`` or ``ended``."""
        self._catch_up()
        return self._status

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that may change, with the values they have or were last asked to have."""
        self._catch_up()
        return changeable(self._recipe)

    @property
    def can_evaluate(self) -> bool:
        """Whether the run has validation rows."""
        return self._can_evaluate

    @property
    def is_asked(self) -> bool:
        """Whether something that was asked is still to be taken up."""
        return is_letter_waiting(self.folder)

    def pause(self) -> None:
        """Save after the current step, and wait there until `resume` or `stop`."""
        self._ask("pause")

    def resume(self) -> None:
        """Go on after a pause."""
        self._ask("resume")

    def save(self) -> None:
        """Make a checkpoint after the current step."""
        self._ask("save")

    def evaluate(self) -> None:
        """Score the validation rows after the current step; see `Control.evaluate`.

        Raises
        ------
        RunError
            When the run has no validation rows, or has ended.
        """
        self._refuse_without_rows("evaluate")
        self._ask("evaluate")

    def stop(self) -> None:
        """End the run after the current step, saved and with its best weights kept."""
        self._ask("stop")
        self.stop_reason = "interrupted"

    def change(self, **settings: Any) -> None:
        """Give settings other values from the next step on; see `Control.change`.

        Raises
        ------
        RecipeError
            At once, naming everything that is wrong.
        RunError
            When the run has ended.
        """
        self._catch_up()
        recipe = changed(self._recipe, settings)
        if recipe.eval_strategy == "steps":
            self._refuse_without_rows("eval_steps")
        self._ask("change", settings)
        self._recipe = recipe

    def _ask(self, action: str, settings: dict[str, Any] | None = None) -> None:
        if not self.folder.is_busy():
            raise RunError(
                f"{self.folder.title} is not training any more",
                hint=f"go on with it: %resume {self.folder.title}",
            )
        leave_letter(self.folder, {"action": action, "settings": settings or {}})

    def _refuse_without_rows(self, what: str) -> None:
        if not self.can_evaluate:
            raise RunError(
                f"{what}: this run has no validation rows", hint="start one with validation_size"
            )

    def _catch_up(self) -> None:
        with self._reading:
            for _, event in self._follower.new():
                match event:
                    case RunStarted():
                        self._status, self.stop_reason = "running", ""
                    case RunStopped():
                        self._status = "ended"
                    case Controlled(action="pause"):
                        self._status = "paused"
                    case Controlled(action="resume"):
                        self._status = "running"
                    case Controlled(action="change"):
                        with suppress(RecipeError):
                            self._recipe = changed(self._recipe, {event.setting: event.value})

    def __repr__(self) -> str:
        return f"<RemoteControl: {self.status}>"
