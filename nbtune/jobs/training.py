"""From a run's folder to a trained model in it: tokenise, load, train, save.

A fresh run and a resumed one go the same way; what is in the folder already is not made again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.events import Emit, Notice, PhaseStarted, Progress
from nbtune.jobs.folders import keep_margins, name_of_model, read_rows, settled_of
from nbtune.jobs.loading import load
from nbtune.jobs.putting_together import make_job
from nbtune.jobs.scoring import score_baselines, score_best, score_start
from nbtune.jobs.trained import Trained, ask, save_trained
from nbtune.recipe import Recipe, from_yaml, to_yaml
from nbtune.records import Choice, RateSearch
from nbtune.runs import RunFolder
from nbtune.tasks import Known, Task, task_of

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.engine.control import Control
    from nbtune.engine.job import Outcome


def work(
    folder: RunFolder,
    emit: Emit,
    control: Control,
    *,
    resume: bool = False,
    extend: Mapping[str, Any] | None = None,
) -> Trained | None:
    """Train the run of this folder, from its first step or from its last checkpoint.

    Random numbers of the caller are afterwards where they were before.

    Parameters
    ----------
    extend : mapping, optional
        Settings that replace the recipe's, such as more epochs.

    Returns
    -------
    Trained or None
        The model with its best weights; None when no step was finished.

    Raises
    ------
    NbtuneError
        What ended the training, after the best weights so far were saved.
    """
    from nbtune.engine.determinism import own_randomness
    from nbtune.engine.device import find_device
    from nbtune.engine.memory import begin_peak, give_back
    from nbtune.engine.wishes import changed
    from nbtune.models.modes import own_modes

    recipe = from_yaml(folder.recipe_text)
    if extend:
        recipe = changed(recipe, extend)
        folder.describe(folder.about, to_yaml(recipe))
    device = find_device()
    begin_peak(device)
    with own_modes(device), own_randomness(device):
        trained, outcome = _train(folder, recipe, emit, control, resume)
    give_back(device)
    if outcome.failure is not None:
        raise outcome.failure
    return trained if outcome.stopped.best_step is not None else None


def _train(
    folder: RunFolder, recipe: Recipe, emit: Emit, control: Control, resume: bool
) -> tuple[Trained, Outcome]:
    from nbtune.engine.control import interrupts
    from nbtune.engine.loop import Training

    trained, examples = load(folder, recipe, emit)
    if recipe.baseline and not (folder.path / "baselines").is_dir():
        score_baselines(folder, recipe, trained.known, emit)
        if task_of(recipe).scores_start:
            score_start(folder, recipe, trained, examples["train"], emit)
    job = make_job(folder, recipe, trained, examples)
    if left := job.waiting((job.total_steps - 1) / job.steps_per_epoch):
        count = sum(weight.numel() for weight in left)
        emit(Notice(f"gradual_unfreezing: the run ends before the turn of {count:,} weights"))
    emit(PhaseStarted("training"))
    training = Training(job, emit, control, folder.last, folder.best)
    # Until here nothing is lost by stopping at once, so an interrupt does.
    with interrupts(control, lambda text: training.tell(Notice(text))):
        outcome = training.run(resume)
        if outcome.stopped.best_step is not None:
            trained = _settled(folder, recipe, trained, emit)
            if outcome.stopped.reason in ("finished", "stopped early"):
                score_best(folder, recipe, trained, outcome.stopped.best_step, emit, control)
        outcome = _keep(folder, trained, outcome, emit)
    return trained, outcome


def find_rate(
    folder: RunFolder, rates: list[float], usual: float, emit: Emit, progress: Progress
) -> RateSearch:
    """Try rates on the run that this folder describes; nothing is trained for good."""
    from nbtune.engine.determinism import own_randomness
    from nbtune.engine.device import find_device
    from nbtune.engine.rate_finding import try_rates
    from nbtune.models.modes import own_modes

    recipe, device = from_yaml(folder.recipe_text), find_device()
    with own_modes(device), own_randomness(device):
        trained, examples = load(folder, recipe, emit)
        job = make_job(folder, recipe, trained, examples)
        began = time.monotonic()
        losses = try_rates(job, rates, progress)
    seconds = round(time.monotonic() - began, 3)
    return RateSearch(
        name_of_model(recipe), recipe.method, tuple(rates), tuple(losses), usual, seconds
    )


def _settled(folder: RunFolder, recipe: Recipe, trained: Trained, emit: Emit) -> Trained:
    """Take in what the validation rows say about the weights that are kept, such as thresholds."""
    task = task_of(recipe)
    if task.settle is None or "validation" not in folder.about["rows"]:
        return trained
    rows = read_rows(folder, "validation")
    settled = replace(trained, known=task.settle(rows, ask(trained, recipe, rows), trained.known))
    chosen = settled_of(folder)
    if task.decide is None or not any(chosen.rules):
        return settled
    return replace(settled, known=_decided_again(task, recipe, settled, rows, chosen, emit))


def _decided_again(
    task: Task, recipe: Recipe, settled: Trained, rows: pd.DataFrame, chosen: Known, emit: Emit
) -> Known:
    """Choose for new weights what somebody had chosen thresholds for before."""
    said = ask(settled, recipe, rows)
    known = settled.known
    for label, rule in zip(chosen.labels, chosen.rules, strict=True):
        if rule and task.decide is not None:
            choice = Choice.of(rule).about(label)
            try:
                known = task.decide(known, [choice], lambda: (rows, said))
                emit(Notice(f"threshold of {choice}: chosen again on the validation rows"))
            except RunError as error:
                emit(Notice(f"{error.problem}; {label} has its own default again", "warning"))
    return known


def _keep(folder: RunFolder, trained: Trained, outcome: Outcome, emit: Emit) -> Outcome:
    """Write the model as ``from_pretrained`` reads it, and tell how the run ended."""
    if outcome.stopped.best_step is not None:
        emit(PhaseStarted("saving"))
        try:
            save_trained(trained, folder.model_path, from_yaml(folder.recipe_text))
        except Exception as error:  # noqa: BLE001 - safetensors has errors of its own
            failure = RunError(
                f"the model could not be saved: {error}",
                hint=f"make room, then: %resume {folder.title} (its checkpoint is safe)",
            )
            stopped = replace(outcome.stopped, reason="failed", message=failure.problem)
            outcome = replace(outcome, stopped=stopped, failure=outcome.failure or failure)
    if outcome.margins is not None:
        try:
            keep_margins(folder, outcome.margins)
        except OSError as error:
            emit(Notice(f"margins of the training rows are not kept: {error}", "warning"))
    emit(outcome.stopped)
    return outcome
