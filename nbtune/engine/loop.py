"""The training loop: a job goes in, events come out, checkpoints remain."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import Parameter

from nbtune.data.batches import Encoded, Indices, row_order, step_rows
from nbtune.engine import state
from nbtune.engine.caching import fits, with_states
from nbtune.engine.control import Control
from nbtune.engine.device import (
    memory_bytes,
    own_modes,
    ran_out_of_memory,
    random_state,
    restore_random_state,
)
from nbtune.engine.inference import predict_logits, softmax
from nbtune.engine.optimizing import make_optimizer, warmup_steps
from nbtune.engine.state import Progress
from nbtune.engine.stepping import Forward, OutOfMemoryError, Step, Stepper
from nbtune.errors import CheckpointError, NbtuneError
from nbtune.events import (
    CheckpointSaved,
    Evaluated,
    EvaluationProgress,
    Event,
    LayersUnfrozen,
    Notice,
    PhaseStarted,
    RunStarted,
    RunStopped,
    StepsDone,
)
from nbtune.methods.freezing import Waiting, held_still, nothing_waits
from nbtune.models.dropout import cheap_dropout
from nbtune.models.embedding import row_gradients
from nbtune.models.lean_lora import lean_lora
from nbtune.models.noise import noisy_embeddings
from nbtune.models.packing import packing
from nbtune.recipe import Recipe
from nbtune.recipe.schedules import At, rate_factor
from nbtune.records import LOWER_IS_BETTER
from nbtune.runs import CheckpointStore
from nbtune.tasks import Loss

Emit = Callable[[Event], None]
REPORT_SECONDS = 0.25
BAD_STEPS_ALLOWED = 3
"""So many steps in a row may be left out, for numbers that are not finite, before a run ends."""


class DivergedError(NbtuneError):
    """The loss or a gradient is no longer a finite number."""


@dataclass(frozen=True)
class Job:
    """All that training needs, already loaded and checked.

    Attributes
    ----------
    score : callable
        (targets, probabilities) of the validation rows to scores by name.
    metric : str
        The score that picks the best weights; ``loss`` for the validation loss.
    start : RunStarted
        What the run is, as far as it is known before the first step.
    states : Path or None
        Folder for what frozen layers say about the rows; None runs them in every step.
    waiting : callable
        (epochs done) to the weights that wait for their turn, of those that are trained.
    """

    forward: Forward
    train: Encoded
    validation: Encoded | None
    recipe: Recipe
    learning_rate: float
    loss: Loss
    score: Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any]], dict[str, float]]
    metric: str
    pad_id: int
    start: RunStarted
    states: Path | None = None
    waiting: Waiting = nothing_waits

    @property
    def rows_per_step(self) -> int:
        """Rows of one optimiser step."""
        return self.recipe.per_device_train_batch_size * self.recipe.gradient_accumulation_steps

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps until every row was seen once."""
        return -(-len(self.train.targets) // self.rows_per_step)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.recipe.max_steps or max(
            1, math.ceil(self.recipe.num_train_epochs * self.steps_per_epoch)
        )


@dataclass(frozen=True)
class Outcome:
    """How training ended; ``failure`` is the error that ended it, if one did.

    ``stopped`` is still to be emitted, once the weights are where they belong.
    """

    stopped: RunStopped
    failure: Exception | None = None


class Training:
    """A run under way: its optimiser, its progress, and the places it saves to."""

    def __init__(
        self, job: Job, emit: Emit, control: Control, last: CheckpointStore, best: CheckpointStore
    ) -> None:
        self.job, self.emit, self.control = job, emit, control
        self.last, self.best = last, best
        self.progress = Progress(total_steps=job.total_steps)
        self.stepper = Stepper(
            job.forward,
            make_optimizer(job.forward.model, job.recipe, job.learning_rate),
            job.loss,
            micro_rows=job.recipe.per_device_train_batch_size,
            max_grad_norm=job.recipe.max_grad_norm,
            pad_id=job.pad_id,
            tell=lambda text: self.tell(Notice(text, "warning")),
            interruptible=control.interruptible,
        )
        self.warmup = warmup_steps(job.recipe, job.total_steps)
        self.window: list[Step] = []
        self.reported = self.saved = self.began = time.monotonic()
        self.is_saved = self.is_whole = True

    def tell(self, event: Event) -> None:
        """Emit an event that no interrupt cuts in two."""
        with self.control.whole():
            self.emit(event)

    def _progress_on(self, split: str) -> Callable[[int, int], None]:
        return lambda done, total: self.tell(EvaluationProgress(split, done, total))

    def run(self, resume: bool = False) -> Outcome:
        """Train to the end, or to the first good reason to stop; the best weights are put back.

        However it ends, what was done is saved and the model is left whole: in evaluation mode,
        without gradients, with the weights of one certain step.

        Parameters
        ----------
        resume : bool
            Go on from the newest checkpoint that verifies, if there is one.
        """
        reason, failure = "interrupted", None
        forward = self.job.forward
        with (
            own_modes(forward.device),
            lean_lora(forward.model),  # before the packer, which may run such a layer twice
            packing(forward.model, forward.packer),
            row_gradients(forward.model),
            noisy_embeddings(
                forward.model, self.job.recipe.neftune_noise_alpha, lambda: forward.lengths
            ),
            cheap_dropout(forward.model),
        ):
            try:
                self._begin(resume)
                reason = self._steps()
                self._report()
                if reason == "interrupted":
                    self._save()
                    self._look_at_paused()
            except KeyboardInterrupt:
                self.is_whole = self.is_whole and not self.control.is_forced
            except Exception as error:  # noqa: BLE001 - whatever it was, nothing learnt is lost
                reason, failure = "failed", error
        if self.job.states is not None:
            shutil.rmtree(self.job.states, ignore_errors=True)
        return self._end(reason, failure)

    def _begin(self, resume: bool) -> None:
        """Take up the last checkpoint, or start from the seed, and tell what the run is."""
        job = self.job
        torch.manual_seed(job.recipe.seed)
        if resume:
            self._resume()
        self._run_frozen()
        job.forward.model.train()
        self.tell(
            replace(
                job.start,
                step=self.progress.step,
                total_steps=job.total_steps,
                steps_per_epoch=job.steps_per_epoch,
            )
        )
        self.reported = self.saved = self.began = time.monotonic()

    def _run_frozen(self) -> None:
        """Run the frozen layers over all rows once, where the rows will be seen more often."""
        job, packer = self.job, self.job.forward.packer
        frozen = None if packer is None else packer.frozen
        # Of the whole run, not of what is left: a resumed run is to take the same course.
        seen = job.total_steps * job.rows_per_step
        if job.states is None or frozen is None or seen < 1.5 * len(job.train.targets):
            return
        splits: dict[str, Encoded] = {"train": job.train}
        if job.validation is not None:
            splits["validation"] = job.validation
        if not fits(job.forward, list(splits.values()), job.states):
            self.tell(Notice("frozen layers run in every step: the disk is too full to keep them"))
            return
        self.tell(PhaseStarted("running frozen layers"))
        with self.control.interruptible():
            for name, split in splits.items():
                splits[name] = with_states(
                    job.forward,
                    split,
                    job.pad_id,
                    job.states / f"{name}.npy",
                    self._progress_on(name),
                )
        self.job = replace(job, train=splits["train"], validation=splits.get("validation"))
        self.tell(
            Notice(
                f"{frozen.first} of {len(frozen.layers)} layers are frozen: they were run once, "
                "without dropout"
            )
        )
        self.tell(PhaseStarted("training"))

    def _end(self, reason: str, failure: Exception | None) -> Outcome:
        """Save what is not saved yet, and leave the model with the weights that count."""
        self.job.forward.model.eval()
        self.stepper.clear()
        if self.is_whole:
            self._report()
            self._save()
        if failure is not None and ran_out_of_memory(failure):
            failure = OutOfMemoryError(
                f"memory ran out at step {self.progress.step + 1}",
                hint="try a smaller batch, method: lora, or end what else uses the device",
            )
        kept = self._keep_best()
        message = "" if failure is None else getattr(failure, "problem", repr(failure))
        seconds = round(self._seconds(), 3)
        return Outcome(RunStopped(self.progress.step, reason, kept, message, seconds), failure)

    def _steps(self) -> str:
        """Make the steps; returns why they ended."""
        job, progress = self.job, self.progress
        rows_of_steps = step_rows(
            job.recipe.seed,
            len(job.train.targets),
            job.rows_per_step,
            progress.step,
            row_order(job.recipe.train_sampling_strategy, job.train.targets),
        )
        while True:
            evaluate, save = self._is_evaluation_due(), self._is_save_due()
            if evaluate or save or self._is_report_due():
                self._report()
            if progress.bad_steps >= BAD_STEPS_ALLOWED:
                raise self._diverged()
            if evaluate:
                self._evaluate()
            if evaluate or save:
                self._save()
            if reason := self._reason_to_end():
                return reason
            self._step(next(rows_of_steps))

    def _step(self, rows: Indices) -> None:
        """Make one step; until its update begins an interrupt can leave it out."""
        job, progress = self.job, self.progress
        rate = self._rate()
        with held_still(self._waiting()):
            seen = self.stepper.look(job.train, rows)
        self.is_whole = self.is_saved = False
        self.window.append(self.stepper.update(seen, rate))
        progress.step += 1
        self.is_whole = True

    def _waiting(self) -> Sequence[Parameter]:
        """Return the weights that the next step leaves alone; tell when they have become fewer."""
        job, step = self.job, self.progress.step
        waiting = job.waiting(step / job.steps_per_epoch)
        if step and len(waiting) < len(job.waiting((step - 1) / job.steps_per_epoch)):
            moving = sum(p.numel() for p in self.stepper.parameters)
            self.tell(LayersUnfrozen(step + 1, moving - sum(p.numel() for p in waiting)))
        return waiting

    def _rate(self) -> float:
        job, progress, recipe = self.job, self.progress, self.job.recipe
        at = At(
            progress.step,
            job.total_steps,
            self.warmup,
            job.learning_rate,
            progress.scores,
            job.metric in LOWER_IS_BETTER,
        )
        factor = rate_factor(recipe.lr_scheduler_type, recipe.lr_scheduler_kwargs, at)
        return job.learning_rate * factor

    def _reason_to_end(self) -> str:
        progress, patience = self.progress, self.job.recipe.early_stopping_patience
        if progress.step >= self.job.total_steps:
            return "finished"
        if progress.worse_evaluations >= (patience or math.inf):
            return "stopped early"
        return self.control.stop_reason

    def _is_report_due(self) -> bool:
        if not self.window:
            return False
        updated = self.window[-1].updated
        # On a CPU nobody waits for the answer, so a bad step is told at once.
        bad = updated.device.type == "cpu" and not updated
        return bad or time.monotonic() - self.reported >= REPORT_SECONDS

    def _report(self) -> None:
        """Tell what the steps since the last report did: the only read-back from the device."""
        progress, steps = self.progress, self.window
        if not steps:
            return
        self.window = []
        losses = torch.stack([step.seen.loss for step in steps]).cpu().double().numpy()
        rows = np.array([len(step.seen.rows) for step in steps])
        finite = np.isfinite(losses)
        loss = np.average(losses[finite], weights=rows[finite]) if finite.any() else math.nan
        now = time.monotonic()
        self.tell(
            StepsDone(
                progress.step,
                progress.step / self.job.steps_per_epoch,
                float(loss),
                steps[-1].rate,
                float(steps[-1].gradient_norm),
                int(rows.sum()),
                sum(step.seen.tokens for step in steps),
                now - self.reported,
                memory_bytes(self.job.forward.device),
            )
        )
        self.reported = now
        for number, (step, bad) in enumerate(
            zip(steps, self.stepper.bad(steps), strict=True), progress.step - len(steps) + 1
        ):
            progress.bad_steps = progress.bad_steps + 1 if bad else 0
            if bad:
                shown = ", ".join(map(str, step.seen.rows[:8]))
                more = " ..." if len(step.seen.rows) > 8 else ""
                self.tell(
                    Notice(
                        f"step {number} was left out: its loss or gradient is not finite "
                        f"(training rows {shown}{more})",
                        "warning",
                    )
                )

    def _diverged(self) -> DivergedError:
        return DivergedError(
            f"the loss is not finite at step {self.progress.step}; the weights before it are kept",
            hint=f"try a smaller learning_rate than {self.job.learning_rate:g}",
        )

    def _is_evaluation_due(self) -> bool:
        job, step = self.job, self.progress.step
        if job.validation is None or step in (0, self.progress.evaluated_step):
            return False
        if job.recipe.eval_strategy == "no":
            return False
        by_steps = job.recipe.eval_strategy == "steps" and job.recipe.eval_steps
        return step % (by_steps or job.steps_per_epoch) == 0 or step == job.total_steps

    def _evaluate(self, counts: bool = True) -> None:
        """Score the validation rows, and see whether these are the best weights so far.

        Without ``counts`` the result is shown but changes neither patience nor best weights, so
        that a run which was paused and resumed takes the same course as one which was not.
        """
        job, progress = self.job, self.progress
        assert job.validation is not None  # noqa: S101
        began = time.monotonic()
        with self.control.interruptible():
            logits = predict_logits(
                job.forward,
                job.validation,
                job.pad_id,
                self._progress_on("validation"),
            )
        targets = np.asarray(job.validation.targets)
        wanted = torch.from_numpy(targets.astype(np.int64))
        loss = float(job.loss.sum(torch.from_numpy(logits), wanted)) / job.loss.count(targets)
        scores = job.score(targets, softmax(logits))
        score = value = {**scores, "loss": loss}[job.metric]
        value = -value if job.metric in LOWER_IS_BETTER else value
        best = -math.inf if progress.best_score is None else progress.best_score
        better = math.isfinite(value) and value > best
        evaluated = Evaluated(
            progress.step,
            progress.step / job.steps_per_epoch,
            "validation",
            loss,
            scores,
            time.monotonic() - began,
            better and counts,
        )
        if counts:
            progress.evaluated_step = progress.step
            progress.scores.append(score if math.isfinite(score) else None)
            progress.worse_evaluations = 0 if better else progress.worse_evaluations + 1
            self.is_saved = False
        if evaluated.best:
            progress.best_score, progress.best_step = value, progress.step
        self.tell(evaluated)
        self.reported = time.monotonic()

    def _look_at_paused(self) -> None:
        """Score the weights of a paused run once, for the user to see."""
        job, progress = self.job, self.progress
        wanted = job.validation is not None and job.recipe.eval_strategy != "no"
        if wanted and progress.evaluated_step < progress.step:
            self._evaluate(counts=False)

    def _is_save_due(self) -> bool:
        late = time.monotonic() - self.saved >= self.job.recipe.save_interval_seconds
        return late and not self.is_saved

    def _save(self) -> None:
        """Make a checkpoint to go on from, unless this state has one.

        Where it fails training goes on and says so. Best weights are published after the state
        that calls them the best, so that a kill in between is mended by `_resume`.
        """
        if self.is_saved:
            return
        job, progress, stepper = self.job, self.progress, self.stepper
        began = time.monotonic()
        progress.seconds, progress.micro_rows = self._seconds(), stepper.micro_rows
        self.began = began
        try:
            saved = self.last.save(
                progress.step,
                lambda folder: state.save_state(
                    folder,
                    job.forward.model,
                    stepper.optimizer,
                    stepper.scaler,
                    progress,
                    random_state(job.forward.device),
                ),
            )
            if progress.best_step == progress.step:
                self._save_best()
            self.is_saved = True
            seconds = round(time.monotonic() - began, 3)
            self.tell(CheckpointSaved(progress.step, seconds, saved.bytes))
        except CheckpointError as error:
            self.tell(Notice(str(error), "warning"))
        self.saved = self.reported = time.monotonic()

    def _save_best(self) -> None:
        model = self.job.forward.model
        self.best.save(self.progress.step, lambda folder: state.save_weights(folder, model))

    def _keep_best(self) -> int | None:
        """Put the best weights back into the model; returns their step, None for none.

        Without a best step the last weights are kept, or, where an update broke off in the
        middle, those of the last checkpoint.
        """
        model, progress = self.job.forward.model, self.progress
        if self.is_whole and progress.best_step in (None, progress.step):
            return progress.step or None
        for store in (self.last,) if progress.best_step is None else (self.best, self.last):
            found, passed_over = store.newest()
            self._name(passed_over)
            if found is not None:
                state.load_weights(found.path, model)
                return found.step
        return None

    def _resume(self) -> None:
        """Take up the newest checkpoint that verifies: weights, optimiser, progress, randomness."""
        found, passed_over = self.last.newest()
        self._name(passed_over)
        if found is None:
            self.tell(Notice("there is no checkpoint yet: starting from the first step"))
            return
        job, stepper = self.job, self.stepper
        progress, randomness = state.load_state(
            found.path, job.forward.model, stepper.optimizer, stepper.scaler
        )
        restore_random_state(job.forward.device, randomness)
        stepper.micro_rows = progress.micro_rows or stepper.micro_rows
        progress.bad_steps = 0
        if job.total_steps > progress.total_steps:  # more epochs were asked for since
            progress.worse_evaluations, progress.total_steps = 0, job.total_steps
        self.progress, self.is_saved = progress, True
        kept, _ = self.best.newest()
        if progress.best_step == progress.step != (kept.step if kept else None):
            self._save_best()

    def _name(self, passed_over: list[str]) -> None:
        for reason in passed_over:
            self.tell(Notice(f"passed over a checkpoint: {reason}", "warning"))

    def _seconds(self) -> float:
        return self.progress.seconds + time.monotonic() - self.began
