"""Baselines, and the model before and after training, scored on the validation rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from nbtune.events import BaselineScored, BestScored, Emit, EvaluationProgress, Notice, PhaseStarted
from nbtune.jobs.folders import read_rows
from nbtune.jobs.starting import before_training
from nbtune.jobs.trained import Trained, ask
from nbtune.recipe import Recipe
from nbtune.runs import RunFolder
from nbtune.tasks import Known, task_of

if TYPE_CHECKING:
    from nbtune.engine.control import Control

FEW_WRITTEN = 8
"""Texts that an evaluation has the model write while it trains: enough to see how they change."""


def score_baselines(folder: RunFolder, recipe: Recipe, known: Known, emit: Emit) -> None:
    """Fit what a model is to beat, keep it with the run, and score it."""
    from nbtune.evaluation.baselines import save_baselines
    from nbtune.jobs.line_zero import TooLongError, line_zero

    task = task_of(recipe)
    emit(PhaseStarted("scoring baselines"))
    fitted = task.fit(read_rows(folder, "train"), known)
    save_baselines(folder.path / "baselines", fitted)
    if "validation" not in folder.about["rows"]:
        return
    rows = read_rows(folder, "validation")
    said = {baseline.name: baseline.predict(rows) for baseline in fitted}
    try:
        said |= line_zero(recipe, known.labels, rows, kept=folder, split="validation")
    except TooLongError as error:
        emit(Notice(f"zero-shot is no line of the tables: {error}"))
    for name, found in said.items():
        emit(BaselineScored(name, "validation", task.score(rows, found, known)))


def score_start(
    folder: RunFolder, recipe: Recipe, trained: Trained, train: Any, emit: Emit
) -> None:
    """Score what the model says of the validation rows before it is trained."""
    if "validation" not in folder.about["rows"]:
        return
    task, rows = task_of(recipe), read_rows(folder, "validation")

    def progress(done: int, total: int) -> None:
        emit(EvaluationProgress("validation", done, total))

    emit(PhaseStarted("scoring the model before training"))
    lines = before_training(trained, recipe, rows, train, progress, most_written=FEW_WRITTEN)
    for name, said in lines.items():
        emit(BaselineScored(name, "validation", task.score(rows, said, trained.known)))


def score_best(
    folder: RunFolder,
    recipe: Recipe,
    trained: Trained,
    step: int,
    emit: Emit,
    control: Control,
) -> None:
    """Score the weights that are kept by what is too dear for every evaluation.

    An interrupt leaves it out: ``%evaluate`` does it as well.
    """
    task = task_of(recipe)
    picked_by = recipe.metric_for_best_model or task.metrics[0]
    if not task.dear or picked_by in task.dear or "validation" not in folder.about["rows"]:
        return
    rows, began = read_rows(folder, "validation"), time.monotonic()

    def progress(done: int, total: int) -> None:
        if control.stop_reason:
            raise KeyboardInterrupt
        emit(EvaluationProgress("validation", done, total))

    emit(PhaseStarted("writing the validation rows"))
    try:
        said = ask(trained, recipe, rows, progress)
    except KeyboardInterrupt:
        emit(Notice("interrupted: not all validation rows were written; %evaluate writes them"))
        return
    scores = task.score(rows, said, trained.known)
    shown = {} if task.glance is None else task.glance(rows, said, trained.known)
    emit(BestScored(step, "validation", scores, time.monotonic() - began, **shown))
