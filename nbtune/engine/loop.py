"""The training loop: a job goes in, events come out, checkpoints remain."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from nbtune.data.batches import Encoded, Indices, step_rows
from nbtune.engine import state
from nbtune.engine.control import Control
from nbtune.engine.device import memory_bytes
from nbtune.engine.inference import predict_logits, softmax
from nbtune.engine.optimizing import make_optimizer, rate_factor, warmup_steps
from nbtune.engine.state import Progress
from nbtune.engine.stepping import Forward, Step, Stepper
from nbtune.errors import CheckpointError, NbtuneError
from nbtune.events import (
    CheckpointSaved,
    Evaluated,
    EvaluationProgress,
    Event,
    Notice,
    RunStarted,
    RunStopped,
    StepsDone,
)
from nbtune.models.packing import packing
from nbtune.recipe import Recipe
from nbtune.records import LOWER_IS_BETTER
from nbtune.runs import CheckpointStore
from nbtune.tasks import Loss

Emit = Callable[[Event], None]
REPORT_SECONDS = 0.25
BAD_STEPS_ALLOWED = 3


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
    failure: NbtuneError | None = None


class Training:
    """A run under way: its optimiser, its progress, and the places it saves to."""

    def __init__(
        self, job: Job, emit: Emit, control: Control, last: CheckpointStore, best: CheckpointStore
    ) -> None:
        self.job, self.emit, self.control = job, emit, control
        self.last, self.best = last, best
        self.progress = Progress()
        self.stepper = Stepper(
            job.forward,
            make_optimizer(job.forward.model, job.recipe, job.learning_rate),
            job.loss,
            micro_rows=job.recipe.per_device_train_batch_size,
            max_grad_norm=job.recipe.max_grad_norm,
            pad_id=job.pad_id,
            tell=lambda text: emit(Notice(text, "warning")),
        )
        self.warmup = warmup_steps(job.recipe, job.total_steps)
        self.window: list[Step] = []
        self.reported = self.saved = self.began = time.monotonic()

    def run(self, resume: bool = False) -> Outcome:
        """Train to the end, or to the first good reason to stop; the best weights are put back.

        Parameters
        ----------
        resume : bool
            Go on from the newest checkpoint that verifies, if there is one.
        """
        job = self.job
        torch.manual_seed(job.recipe.seed)
        if resume:
            self._resume()
        progress = self.progress
        self.emit(
            replace(
                job.start,
                step=progress.step,
                total_steps=job.total_steps,
                steps_per_epoch=job.steps_per_epoch,
            )
        )
        model = job.forward.model
        model.train()
        whole, failure = True, None
        with packing(model, job.forward.packer):
            try:
                reason = self._steps()
                if reason == "interrupted":
                    self._save()
                    self._look_at_paused()
            except KeyboardInterrupt:
                reason, whole = "interrupted", False
            except NbtuneError as error:
                reason, whole, failure = "failed", False, error
            finally:
                model.eval()
                self.stepper.optimizer.zero_grad(set_to_none=True)
        kept = self._keep_best(whole)
        message = failure.problem if failure else ""
        seconds = round(self._seconds(), 3)
        return Outcome(RunStopped(progress.step, reason, kept, message, seconds), failure)

    def _steps(self) -> str:
        """Make the steps; returns why they ended."""
        job, progress = self.job, self.progress
        rows_of_steps = step_rows(
            job.recipe.seed, len(job.train.targets), job.rows_per_step, progress.step
        )
        while progress.step < job.total_steps:
            rows = next(rows_of_steps)
            rate = job.learning_rate * rate_factor(
                job.recipe.lr_scheduler_type, progress.step, job.total_steps, self.warmup
            )
            self._count(self.stepper.step(job.train, rows, rate), rows)
            if time.monotonic() - self.reported >= REPORT_SECONDS:
                self._report(rate)
            if self._is_evaluation_due():
                self._report(rate)
                patient = self._evaluate()
                self._save()
                if not patient:
                    return "stopped early"
            elif time.monotonic() - self.saved >= job.recipe.save_interval_seconds:
                self._save()
            if self.control.stop_reason:
                self._report(rate)
                return self.control.stop_reason
        return "finished"

    def _count(self, step: Step, rows: Indices) -> None:
        progress = self.progress
        progress.step += 1
        progress.window_rows += len(rows)
        progress.window_tokens += step.tokens
        self.window.append(step)
        if step.updated is False:
            self._bad_step(rows)

    def _bad_step(self, rows: Indices) -> None:
        self.progress.bad_steps += 1
        shown = ", ".join(str(row) for row in rows[:8])
        self.emit(
            Notice(
                f"step {self.progress.step} was left out: its loss or gradient is not finite "
                f"(training rows {shown}{' ...' if len(rows) > 8 else ''})",
                "warning",
            )
        )
        if self.progress.bad_steps >= BAD_STEPS_ALLOWED:
            raise DivergedError(
                f"the loss is not finite at step {self.progress.step}; the weights before it are "
                "kept",
                hint=f"try a smaller learning_rate than {self.job.learning_rate:g}",
            )

    def _report(self, rate: float) -> None:
        """Tell what the steps since the last report did: the only read-back from the device."""
        progress, steps = self.progress, self.window
        if not steps:
            return
        losses = torch.stack([step.loss for step in steps])
        finite = losses[torch.isfinite(losses)]
        progress.window_loss += float(finite.sum())
        progress.window_steps += len(finite)
        now = time.monotonic()
        self.emit(
            StepsDone(
                progress.step,
                progress.step / self.job.steps_per_epoch,
                progress.window_loss / max(1, progress.window_steps),
                rate,
                float(steps[-1].gradient_norm),
                progress.window_rows,
                progress.window_tokens,
                now - self.reported,
                memory_bytes(self.job.forward.device),
            )
        )
        if not all(bool(step.updated) for step in steps if not isinstance(step.updated, bool)):
            self._bad_step(np.array([], dtype=np.int64))
        progress.window_loss = 0.0
        progress.window_steps = progress.window_rows = progress.window_tokens = 0
        self.window, self.reported = [], now

    def _is_evaluation_due(self) -> bool:
        job, step = self.job, self.progress.step
        if job.validation is None or job.recipe.eval_strategy == "no":
            return False
        every = job.recipe.eval_steps or job.steps_per_epoch
        if job.recipe.eval_strategy == "epoch":
            every = job.steps_per_epoch
        return step % every == 0 or step == job.total_steps

    def _evaluate(self, counts: bool = True) -> bool:
        """Score the validation rows; returns whether it is worth going on.

        Without ``counts`` the result is shown but changes neither patience nor best weights, so
        that a run which was interrupted here goes on exactly as one that was not.
        """
        job, progress = self.job, self.progress
        assert job.validation is not None  # noqa: S101 - the callers look
        began = time.monotonic()
        logits = predict_logits(
            job.forward,
            job.validation,
            job.pad_id,
            lambda done, total: self.emit(EvaluationProgress("validation", done, total)),
        )
        targets = np.asarray(job.validation.targets)
        wanted = torch.from_numpy(targets.astype(np.int64))
        loss = float(job.loss.sum(torch.from_numpy(logits), wanted)) / job.loss.count(targets)
        scores = job.score(targets, softmax(logits))
        value = {**scores, "loss": loss}[job.metric]
        value = -value if job.metric in LOWER_IS_BETTER else value
        better = progress.best_score is None or value > progress.best_score
        if counts and better:
            progress.best_score, progress.best_step = value, progress.step
            self._save_best()
        if counts:
            progress.worse_evaluations = 0 if better else progress.worse_evaluations + 1
        seconds = time.monotonic() - began
        self.emit(
            Evaluated(
                progress.step,
                progress.step / job.steps_per_epoch,
                "validation",
                loss,
                scores,
                seconds,
                better and counts,
            )
        )
        self.reported = time.monotonic()
        return progress.worse_evaluations < (job.recipe.early_stopping_patience or math.inf)

    def _look_at_paused(self) -> None:
        """Score the weights of a paused run once, for the user to see."""
        if self.job.validation is not None:
            self._evaluate(counts=False)

    def _save(self) -> None:
        """Make a checkpoint to go on from; when it fails training goes on and says so."""
        began = time.monotonic()
        self.progress.seconds, self.progress.micro_rows = self._seconds(), self.stepper.micro_rows
        self.began = began
        stepper = self.stepper
        try:
            saved = self.last.save(
                self.progress.step,
                lambda folder: state.save_state(
                    folder,
                    self.job.forward.model,
                    stepper.optimizer,
                    stepper.scaler,
                    self.progress,
                ),
            )
            seconds = time.monotonic() - began
            self.emit(CheckpointSaved(self.progress.step, round(seconds, 3), saved.bytes))
        except CheckpointError as error:
            self.emit(Notice(str(error), "warning"))
        self.saved = self.reported = time.monotonic()

    def _save_best(self) -> None:
        model = self.job.forward.model
        try:
            self.best.save(self.progress.step, lambda folder: state.save_weights(folder, model))
        except CheckpointError as error:
            self.emit(Notice(str(error), "warning"))

    def _keep_best(self, whole: bool) -> int | None:
        """Put the best weights back into the model; returns their step.

        Weights that a failure or a second interrupt may have left half updated are not kept:
        then those of the last checkpoint are the best there are.
        """
        store = self.last if self.progress.best_step is None else self.best
        if whole and self.progress.best_step is None:
            return self.progress.step
        found, _ = store.newest()
        if found is None:
            return None
        state.load_weights(found.path, self.job.forward.model)
        return found.step

    def _resume(self) -> None:
        found, passed_over = self.last.newest()
        for reason in passed_over:
            self.emit(Notice(f"passed over a checkpoint: {reason}", "warning"))
        if found is None:
            self.emit(Notice("there is no checkpoint yet: starting from the first step"))
            return
        stepper = self.stepper
        self.progress = state.load_state(
            found.path, self.job.forward.model, stepper.optimizer, stepper.scaler
        )
        stepper.micro_rows = self.progress.micro_rows or stepper.micro_rows

    def _seconds(self) -> float:
        return self.progress.seconds + time.monotonic() - self.began
