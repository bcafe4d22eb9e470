"""Saves a run to go on from, keeps its best weights, and takes both up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from nbtune.engine import state
from nbtune.engine.averaging import Average
from nbtune.engine.determinism import host_random_state, restore_host_random_state
from nbtune.engine.device import random_state, restore_random_state
from nbtune.engine.margins import Margins
from nbtune.engine.state import Progress
from nbtune.engine.stepping import Stepper
from nbtune.errors import CheckpointError
from nbtune.events import CheckpointSaved, Event, Notice
from nbtune.runs import Checkpoint, CheckpointStore


class Keeper:
    """The places a run saves to: ``last`` to go on from, ``best`` for the weights that count.

    Parameters
    ----------
    tell : callable
        Emits an event that no interrupt cuts in two.
    """

    def __init__(
        self,
        stepper: Stepper,
        average: Average,
        margins: Margins,
        last: CheckpointStore,
        best: CheckpointStore,
        tell: Callable[[Event], None],
    ) -> None:
        self.stepper, self.average, self.forward = stepper, average, stepper.forward
        self.margins = margins
        self.last, self.best = last, best
        self.tell = tell
        self.held: dict[str, Tensor] | None = None
        """The best weights, while there is no room for them on the disk."""

    def save(self, progress: Progress) -> bool:
        """Make a checkpoint to go on from; where that fails say so and return False.

        Best weights are published after the state that calls them the best, so that a kill in
        between is mended by `take_up`.
        """
        began, is_best = time.monotonic(), progress.best_step == progress.step
        try:
            saved = self.last.save(progress.step, lambda place: self._write_state(place, progress))
            if is_best:
                self._save_best(progress.step)
        except CheckpointError as error:
            self.tell(Notice(str(error), "warning"))
            if is_best:
                with self.average.in_place():
                    moving = state.moving_tensors(self.forward.model)
                    self.held = {name: t.to("cpu", copy=True) for name, t in moving.items()}
            return False
        self.held = None
        seconds = round(time.monotonic() - began, 3)
        self.tell(CheckpointSaved(progress.step, seconds, saved.bytes))
        return True

    def newest(
        self, store: CheckpointStore | None = None, up_to: int | None = None
    ) -> Checkpoint | None:
        """Return the newest checkpoint that verifies, and tell which were passed over."""
        found, passed_over = (store or self.last).newest(up_to)
        for reason in passed_over:
            self.tell(Notice(f"passed over a checkpoint: {reason}", "warning"))
        return found

    def newest_or_refuse(self) -> Checkpoint | None:
        """Return the newest checkpoint to go on from, or None where none was ever made.

        Raises
        ------
        CheckpointError
            When there are some and none verifies: what they held is not silently made again.
        """
        found = self.newest()
        if found is None and (spoiled := self.last.newest()[1]):
            raise CheckpointError(
                f"no checkpoint of this run is whole: {'; '.join(spoiled)}",
                hint="put the files back from a copy, or train anew: --fresh",
            )
        return found

    def take_up(self, found: Checkpoint, made_for: Mapping[str, Any]) -> Progress:
        """Go to where a checkpoint was made: weights, optimiser, randomness; returns progress.

        Raises
        ------
        CheckpointError
            When it was made for another run.
        """
        stepper, forward = self.stepper, self.forward
        progress, randomness = state.load_state(
            found.path, forward.model, stepper.optimizer, stepper.scaler, made_for
        )
        restore_random_state(forward.device, randomness)
        restore_host_random_state(randomness)
        self.average.load(found.path)
        self.margins.load(found.path)
        stepper.micro_rows = progress.micro_rows or stepper.micro_rows
        progress.bad_steps = 0
        kept, _ = self.best.newest()
        if progress.best_step == progress.step != (kept.step if kept else None):
            self._save_best(progress.step)
        return progress

    def start_over(self, weights: Mapping[str, Tensor]) -> None:
        """Give the model its first weights once more, and forget what was learnt since."""
        state.put_weights(weights, self.forward.model, "the model")
        self.stepper.optimizer.state.clear()
        self.average.add(None)
        self.margins.load(None)

    def put_best(self, progress: Progress, *, is_whole: bool) -> int | None:
        """Put the best weights back into the model; returns their step, None for none.

        Without a best step the last weights are kept, or, where an update broke off in the
        middle, those of the last checkpoint; so are the last ones where no others are to be had.
        """
        if is_whole and progress.best_step in (None, progress.step):
            self.average.keep()
            return progress.step or None
        if self.held is not None:
            state.put_weights(self.held, self.forward.model, "memory")
            return progress.best_step
        for store in (self.last,) if progress.best_step is None else (self.best, self.last):
            if (found := self.newest(store)) is not None:
                state.load_weights(found.path, self.forward.model)
                if store is self.last:
                    self.average.load(found.path)
                    self.average.keep()
                return found.step
        if not is_whole:
            return None
        self.average.keep()
        return progress.step or None

    def _write_state(self, folder: Path, progress: Progress) -> None:
        stepper, forward = self.stepper, self.forward
        state.save_state(
            folder,
            forward.model,
            stepper.optimizer,
            stepper.scaler,
            progress,
            random_state(forward.device) | host_random_state(),
        )
        self.average.save(folder)
        self.margins.save(folder)

    def _save_best(self, step: int) -> None:
        model = self.forward.model
        with self.average.in_place():
            self.best.save(step, lambda folder: state.save_weights(folder, model))
