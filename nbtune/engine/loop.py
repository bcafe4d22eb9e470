"""The training loop: a job goes in, events come out, checkpoints remain."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from torch.nn import Parameter

from nbtune.data.batches import Indices, row_order, step_rows
from nbtune.data.masking import in_epoch
from nbtune.engine import state
from nbtune.engine.averaging import Average, share_of
from nbtune.engine.caching import run_once
from nbtune.engine.control import Control
from nbtune.engine.determinism import deterministic, seed_all
from nbtune.engine.device import ran_out_of_memory
from nbtune.engine.job import Job, Outcome
from nbtune.engine.keeping import Keeper
from nbtune.engine.looking import look
from nbtune.engine.margins import Margins
from nbtune.engine.memory import peak_bytes
from nbtune.engine.optimizing import make_optimizer, rate_of_step, warmup_steps
from nbtune.engine.reporting import Reporter
from nbtune.engine.state import Progress
from nbtune.engine.stepping import OutOfMemoryError, Stepper
from nbtune.engine.wishes import Wish, changed, differences, in_force
from nbtune.errors import NbtuneError, RecipeError
from nbtune.events import (
    Controlled,
    Emit,
    EvaluationProgress,
    Event,
    LayersUnfrozen,
    Notice,
    RunStopped,
)
from nbtune.methods.freezing import held_still
from nbtune.recipe import Recipe
from nbtune.runs import Checkpoint, CheckpointStore

BAD_STEPS_ALLOWED = 3
"""So many steps in a row may be left out, for numbers that are not finite, before a run ends."""
TIMES_BACK = 3
"""So often a run that diverges is taken up again at half the rate."""


class DivergedError(NbtuneError):
    """The loss or a gradient is no longer a finite number."""


class Training:
    """A run under way: its optimiser, its progress, and the places it saves to."""

    def __init__(
        self, job: Job, emit: Emit, control: Control, last: CheckpointStore, best: CheckpointStore
    ) -> None:
        self.emit, self.control = emit, control
        self.job, self.given, self.given_rate = job, in_force(job.recipe), job.learning_rate
        self.progress = Progress(total_steps=job.total_steps)
        self._adopt(job.recipe)
        self.stepper = Stepper(
            job.forward,
            make_optimizer(job.forward.model, job.recipe, job.learning_rate),
            job.loss,
            micro_rows=job.recipe.per_device_train_batch_size,
            max_grad_norm=job.recipe.max_grad_norm,
            pad_id=job.pad_id,
            tell=self._warn,
            interruptible=control.interruptible,
        )
        self.margins = Margins(job.loss, job.train.targets, job.forward.device)
        self.reporter = Reporter(self.job, self.tell, self._warn, self.stepper.bad, self.margins)
        self.average = Average(job.forward.model)
        self.keeper = Keeper(self.stepper, self.average, self.margins, last, best, self.tell)
        self.saved = self.began = time.monotonic()
        self.is_saved = self.is_whole = True

    def tell(self, event: Event) -> None:
        """Emit an event that no interrupt cuts in two."""
        with self.control.whole():
            self.emit(event)

    def _progress_on(self, split: str) -> Callable[[int, int], None]:
        return lambda done, total: self.tell(EvaluationProgress(split, done, total))

    def _warn(self, text: str) -> None:
        self.tell(Notice(text, "warning"))

    def _adopt(self, recipe: Recipe) -> None:
        """Go on by a recipe of which some settings may have changed."""
        rate = recipe.learning_rate or self.given_rate
        self.job = job = replace(self.job, recipe=recipe, learning_rate=rate)
        self.warmup = warmup_steps(recipe, job.total_steps)
        self.control.recipe, self.control.can_evaluate = recipe, job.validation is not None

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
        recipe = self.job.recipe
        with (
            deterministic(recipe.full_determinism, self._warn),
            self.job.forward.in_training(recipe.neftune_noise_alpha),
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
        seed_all(self.job.recipe.seed)
        if resume:
            self._resume()
        began = time.monotonic()
        self._run_frozen()
        self.progress.seconds += time.monotonic() - began  # a run is compared by all of its time
        self.job.forward.model.train()
        self._tell_start()
        self._tell_change(self.job.recipe.model_copy(update=self.progress.settings))
        self.control.status = "running"

    def _tell_start(self) -> None:
        job, progress = self.job, self.progress
        self.tell(
            replace(
                job.start,
                step=progress.step,
                total_steps=job.total_steps,
                steps_per_epoch=job.steps_per_epoch,
                controls=progress.controls,
            )
        )
        self.reporter.restart()
        self.saved = self.began = time.monotonic()

    def _run_frozen(self) -> None:
        """Run the frozen layers over all rows once, where the rows will be seen more often."""
        if self.progress.runs_frozen_once is None:  # a run that goes on does as it did before
            self.progress.runs_frozen_once = self.job.sees_rows_again
        if self.progress.runs_frozen_once:
            self.job = run_once(self.job, self.control, self.tell, self._progress_on)

    def _end(self, reason: str, failure: Exception | None) -> Outcome:
        """Save what is not saved yet, and leave the model with the weights that count."""
        self.job.forward.model.eval()
        self.stepper.clear()
        if self.is_whole and not state.all_finite(self.job.forward.model):
            self.is_whole, reason, failure = False, "failed", failure or self._diverged()
        if self.is_whole:
            self._report()
            self._save()
        if failure is not None and ran_out_of_memory(failure):
            failure = OutOfMemoryError(
                f"memory ran out at step {self.progress.step + 1}",
                hint="try a smaller batch, method: lora, or end what else uses the device",
            )
        kept = self.keeper.put_best(self.progress, is_whole=self.is_whole)
        message = self.control.stop_message if reason == "interrupted" else ""
        if failure is not None:
            message = getattr(failure, "problem", repr(failure))
        stopped = RunStopped(
            self.progress.step,
            reason,
            kept,
            message,
            round(self._seconds(), 3),
            peak_bytes(self.job.forward.device),
        )
        self.stepper.let_go()
        return Outcome(stopped, failure, self.margins.means)

    def _steps(self) -> str:
        """Make the steps; returns why they ended."""
        rows_of_steps = self._rows_from_here()
        while True:
            try:
                self._look_around()
                self._obey()
                if self.progress.evaluation_owed:  # the end has come nearer
                    continue
                if reason := self._reason_to_end():
                    return reason
                self._step(next(rows_of_steps))
                continue
            except Exception as error:
                if not self._can_go_back(error):
                    raise
                problem = error.with_traceback(None)  # its frames hold memory
            self._go_back(problem)
            rows_of_steps = self._rows_from_here()

    def _rows_from_here(self) -> Iterator[Indices]:
        job, rows = self.job, len(self.job.train.targets)
        order = row_order(job.recipe.train_sampling_strategy, job.train, job.rows_per_step)
        return step_rows(job.recipe.seed, rows, job.rows_per_step, self.progress.step, order)

    def _look_around(self) -> None:
        """Report, score and save, where it is time to."""
        owed, save = self.progress.evaluation_owed, self._is_save_due()
        if owed or save or self.reporter.is_due:
            self._report()
        if self.progress.bad_steps >= BAD_STEPS_ALLOWED or self._is_lost():
            raise self._diverged()
        if owed:
            self._evaluate()
        if owed or save:
            self._save()

    def _step(self, rows: Indices) -> None:
        """Make one step; until its update begins an interrupt can leave it out."""
        job, progress = self.job, self.progress
        rate = rate_of_step(job, progress, self.warmup)
        train = in_epoch(job.train, progress.step // job.steps_per_epoch)
        with held_still(self._waiting()):
            seen = self.stepper.look(train, rows)
        self.is_whole = self.is_saved = False
        self.reporter.steps.append(self.stepper.update(seen, rate))
        progress.step += 1
        self.average.add(share_of(job.recipe, progress.step, job.total_steps))
        progress.evaluation_owed = self._is_evaluation_due()
        self.is_whole = True

    def _waiting(self) -> Sequence[Parameter]:
        """Return the weights that the next step leaves alone; tell when they have become fewer."""
        job, step = self.job, self.progress.step
        waiting = job.waiting(step / job.steps_per_epoch)
        if step and len(waiting) < len(job.waiting((step - 1) / job.steps_per_epoch)):
            moving = sum(p.numel() for p in self.stepper.parameters)
            self.tell(LayersUnfrozen(step + 1, moving - sum(p.numel() for p in waiting)))
        return waiting

    def _obey(self) -> None:
        """Do what was asked since the last step; in a pause, wait for more."""
        control, progress = self.control, self.progress
        while True:
            began, paused = time.monotonic(), control.status == "paused"
            wish = control.take(progress.step, progress.controls, wait=paused)
            if paused:  # a pause is no training time
                waited = time.monotonic() - began
                self.began += waited
                self.reporter.since += waited
            if wish is None:
                return
            self._report()
            self._grant(wish)

    def _grant(self, wish: Wish) -> None:
        step = self.progress.step
        if not wish.is_new:  # it is put back as what becomes of it now
            del self.control.course[self.progress.controls]
        match wish.action:
            case "pause" if self.control.status == "running" and not self.control.stop_reason:
                self._save()
                self.control.status = "paused"
                self.tell(Controlled(step, "pause"))
            case "resume" if self.control.status == "paused":
                self.control.status = "running"
                self.tell(Controlled(step, "resume"))
            case "stop":
                self.control.status = "running"
                if not wish.is_new:
                    self.control.stop()
            case "save":
                self.tell(Controlled(step, "save"))
                self._save()
            case "evaluate" if not wish.is_new or step > self.progress.evaluated_step:
                self._evaluate(due=False)
                self._take_in(Controlled(step, "evaluate"))
                self._save()
            case "change":
                try:
                    recipe = changed(self.job.recipe, wish.settings)
                except RecipeError as error:  # asked for before the recipe was known
                    self._warn(error.problem)
                else:
                    before = self.job.recipe
                    self._adopt(recipe)
                    self._tell_change(before)

    def _tell_change(self, before: Recipe) -> None:
        """Write down how the recipe differs from the one that was in force until now."""
        job, progress = self.job, self.progress
        for name, value, former in differences(before, job.recipe):
            self._take_in(Controlled(progress.step, "change", name, value, former, job.total_steps))
        if job.total_steps > progress.total_steps:  # new patience for the epochs added
            progress.worse_evaluations = 0
        progress.total_steps = job.total_steps
        at_end = progress.step >= job.total_steps and progress.evaluated_step < progress.step
        if at_end and self._is_evaluation_due():
            progress.evaluation_owed = True

    def _take_in(self, event: Controlled) -> None:
        """Make an event part of the course, and tell it."""
        self.control.course.insert(self.progress.controls, event)
        self.progress.controls += 1
        self.is_saved = False
        self.tell(event)

    def _reason_to_end(self) -> str:
        progress, patience = self.progress, self.job.recipe.early_stopping_patience
        if progress.step >= self.job.total_steps:
            return "finished"
        if progress.worse_evaluations >= (patience or math.inf):
            return "stopped early"
        return self.control.stop_reason

    def _report(self) -> None:
        """Tell what the steps since the last report did."""
        self.reporter.report(self.progress)

    def _diverged(self) -> DivergedError:
        step = self.progress.step
        loss = "far above where it began" if self._is_lost() else "not finite"
        return DivergedError(
            f"the loss is {loss} at step {step}; the weights before it are kept",
            hint=f"try a smaller learning_rate than {self.job.learning_rate:g}",
        )

    def _is_lost(self) -> bool:
        """Whether the loss stands so high for so long that the run had better go back."""
        in_order = self.job.recipe.train_sampling_strategy == "sequential"  # other rows may begin
        return self.progress.spikes.is_lost and not in_order and self._may_go_back()

    def _is_evaluation_due(self) -> bool:
        job, step = self.job, self.progress.step
        if job.validation is None or step in (0, self.progress.evaluated_step):
            return False
        if job.recipe.eval_strategy == "no":
            return False
        by_steps = job.recipe.eval_strategy == "steps" and job.recipe.eval_steps
        return step % (by_steps or job.steps_per_epoch) == 0 or step >= job.total_steps

    def _evaluate(self, *, due: bool = True, counts: bool = True) -> None:
        """Score the validation rows, and see whether these are the best weights so far.

        One that is not ``due`` does not count against patience. Without ``counts`` the result is
        shown but changes nothing, so that a run which was paused and resumed takes the same
        course as one which was not.
        """
        job, progress = self.job, self.progress
        seen = look(job, progress.step, self.average, self.control, self._progress_on("validation"))
        better = seen.beats(progress.best_score)
        if counts:
            progress.evaluated_step, progress.evaluation_owed = progress.step, False
            if due:
                progress.scores.append(seen.score if math.isfinite(seen.score) else None)
            progress.worse_evaluations = 0 if better else progress.worse_evaluations + due
            self.is_saved = False
        if better and counts:
            progress.best_score, progress.best_step = seen.worth, progress.step
        self.tell(replace(seen.evaluated, best=better and counts))
        self.reporter.restart()

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
        """Make a checkpoint to go on from, unless this state has one; training goes on if not."""
        if self.is_saved:
            return
        job, progress = self.job, self.progress
        if not state.all_finite(job.forward.model):
            self.is_whole = False
            raise self._diverged()
        progress.seconds, self.began = self._seconds(), time.monotonic()
        progress.micro_rows = self.stepper.micro_rows
        progress.settings, progress.given = in_force(job.recipe), self.given
        progress.made_for = job.made_for
        self.is_saved = self.keeper.save(progress)
        self.saved = time.monotonic()
        self.reporter.restart()

    def _resume(self) -> None:
        """Take up the newest checkpoint that verifies, if there is one."""
        found = self.keeper.newest_or_refuse()
        if found is None:
            self.tell(Notice("there is no checkpoint yet: starting from the first step"))
            return
        self._take_up(found)
        # What was changed while it trained stays so, unless the recipe itself says otherwise now.
        kept = {
            name: value
            for name, value in self.progress.settings.items()
            if self.given[name] == self.progress.given.get(name)
        }
        self._adopt(self.job.recipe.model_copy(update=kept))

    def _take_up(self, found: Checkpoint) -> None:
        self.progress = self.keeper.take_up(found, self.job.made_for)
        self.is_saved = True

    def _can_go_back(self, error: Exception) -> bool:
        """Tell whether it would help to make the last steps again in another way."""
        if isinstance(error, DivergedError):
            return self._may_go_back()
        is_cut = not self.is_whole and ran_out_of_memory(error)
        return is_cut and self.stepper.micro_rows > 1 and self.job.fresh is not None

    def _may_go_back(self) -> bool:
        wanted = self.job.recipe.on_divergence == "roll_back" and self.job.fresh is not None
        return wanted and self.progress.went_back < TIMES_BACK

    def _go_back(self, problem: Exception) -> None:
        """Undo what went wrong, and make the steps since the last checkpoint again.

        After an update that broke off for want of memory, of which nobody knows what it did, they
        are made in smaller micro-batches; after a divergence at half the rate, which becomes part
        of the course, so that a replay ends at the same weights.
        """
        step, rate = self.progress.step, self.job.learning_rate
        diverged = isinstance(problem, DivergedError)
        went_back = self.progress.went_back + diverged
        self.reporter.steps.clear()
        self.stepper.clear()
        if not diverged:
            self.stepper.shrink()
        rows = self.stepper.micro_rows
        self._take_up_or_start_over(self._before_trouble())
        self.progress.spikes.forget()
        self.progress.went_back = went_back
        self.stepper.micro_rows, self.is_whole = rows, True
        self._adopt(self.job.recipe.model_copy(update=self.progress.settings or self.given))
        self.progress.total_steps = self.job.total_steps
        here = self.progress.step
        if diverged:
            self._warn(
                f"the loss diverged by step {step}: going on from step {here} with a learning "
                f"rate of {rate / 2:g} instead of {rate:g} (on_divergence: roll_back)"
            )
        else:
            self._warn(
                f"the update after step {step} ran out of memory in its middle: "
                f"going on from step {here}"
            )
        self._tell_start()
        if diverged:
            self._slow_down(rate / 2)

    def _before_trouble(self) -> Checkpoint | None:
        """Return the newest checkpoint of before the loss went wrong.

        Where all are of later, the newest one serves, unless it is worse than the first weights.
        """
        spikes = self.progress.spikes
        trouble = max(spikes.steps_lost, self.progress.bad_steps)
        found = self.keeper.newest(up_to=self.progress.step - trouble)
        return found or (None if spikes.is_lost else self.keeper.newest())

    def _take_up_or_start_over(self, found: Checkpoint | None) -> None:
        if found is not None:
            self._take_up(found)
            return
        assert self.job.fresh is not None  # noqa: S101
        self.keeper.start_over(self.job.fresh())
        self.progress = Progress(runs_frozen_once=self.progress.runs_frozen_once)
        seed_all(self.job.recipe.seed)

    def _slow_down(self, rate: float) -> None:
        """Change the rate now; changes of it that were asked for later led to where it diverged."""
        taken, course = self.progress.controls, self.control.course
        course[taken:] = [event for event in course[taken:] if event.setting != "learning_rate"]
        self._grant(Wish("change", {"learning_rate": rate}))

    def _seconds(self) -> float:
        return self.progress.seconds + time.monotonic() - self.began
