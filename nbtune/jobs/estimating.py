"""What a run would take, from a folder that describes it: time, memory, disk."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nbtune.events import DataReady, Emit, Event, PhaseStarted, Progress
from nbtune.jobs.folders import PARAMETERS, name_of_model, read_rows
from nbtune.jobs.line_zero import TooLongError, line_zero
from nbtune.jobs.loading import load
from nbtune.jobs.preparation import Trial
from nbtune.jobs.putting_together import make_job
from nbtune.jobs.scoring import FEW_WRITTEN
from nbtune.jobs.trained import Trained, ask
from nbtune.recipe import Recipe, from_yaml
from nbtune.records import Estimate, ParameterTable
from nbtune.runs import RunFolder
from nbtune.tasks import task_of

if TYPE_CHECKING:
    import torch

    from nbtune.data.encoding import Examples
    from nbtune.engine.job import Job
    from nbtune.engine.measuring import Costs


FITTED = 1_000
"""Rows that baselines are fitted to for this."""


def estimate_run(
    folder: RunFolder, emit: Emit, progress: Progress, stands_for: float = 1.0
) -> Estimate:
    """Measure some steps of the run that this folder describes; nothing is trained for good.

    Parameters
    ----------
    stands_for : float
        How many rows each training row stands for, where the folder has a sample of them.
    """
    from nbtune.engine.determinism import own_randomness
    from nbtune.engine.device import find_device
    from nbtune.engine.measuring import measure
    from nbtune.engine.memory import begin_peak, memory_bytes, peak_bytes, room_bytes
    from nbtune.models.modes import own_modes

    recipe, device = from_yaml(folder.recipe_text), find_device()
    with own_modes(device), own_randomness(device):
        before = Trial()
        begin_peak(device)
        tokenising = _Watch(emit)
        trained, examples = load(folder, recipe, tokenising, before)
        peak = peak_bytes(device)  # a model that is read is there twice for a moment
        job = replace(make_job(folder, recipe, trained, examples), stands_for=stands_for)
        place = folder.path / "measured"
        place.mkdir()
        costs, writing = measure(job, place, progress), 0.0
        if costs.steps:
            writing = _writing_seconds(folder, recipe, trained)
            if recipe.baseline:
                peak = max(peak, _baselines_bytes(folder, recipe, trained, device))
            costs.memory["before the steps"] = max(0, peak - sum(costs.memory.values()))
    shutil.rmtree(place)
    counted = ParameterTable.from_json((folder.path / PARAMETERS).read_text(encoding="utf-8"))
    return Estimate(
        model=name_of_model(recipe),
        method=recipe.method,
        device=job.start.device,
        precision=job.start.precision,
        batching=job.start.batching,
        parameters=counted.parameters,
        trainable_parameters=counted.trainable,
        **_counts(job, examples["train"], costs.padding),
        # What is in use for this now will be there for the run again.
        room_bytes=room_bytes(device) + memory_bytes(device),
        disk_room_bytes=shutil.disk_usage(folder.path).free,
        seconds=_seconds(job, recipe, costs) | _written(folder, recipe, writing, job),
        memory_bytes=costs.memory,
        disk_bytes=_disk(folder, job, costs),
        measured=tuple(costs.steps),
        notes=(
            *_sample(folder, stands_for, tokenising.seconds),
            *_notes(recipe, costs),
            *_around(folder, recipe, before.seconds, writing),
        ),
    )


def _counts(job: Job, train: Examples, padding: float) -> dict[str, int]:
    """Count steps, rows and tokens of the run, those included that others stand for."""
    has_tokens = getattr(train, "pixels", None) is None or bool(train.tokens.any())
    tokens = job.stands_for * float(np.sum(train.lengths)) if has_tokens else 0.0
    return {
        "steps": job.total_steps,
        "steps_per_epoch": job.steps_per_epoch,
        "rows": job.rows,
        "tokens": round(tokens),
        "padded_tokens": round(padding * tokens),
        "cut_rows": round(job.stands_for * float(np.sum(train.cut))),
    }


class _Watch:
    """What passes events on, and sees how long rows take to become tokens."""

    def __init__(self, emit: Emit) -> None:
        self.emit, self.began, self.seconds = emit, 0.0, 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self.began = time.monotonic()
        elif isinstance(event, DataReady):
            self.seconds = time.monotonic() - self.began
        self.emit(event)


def _sample(folder: RunFolder, stands_for: float, seconds: float) -> Iterator[str]:
    """Say that the rows are a sample, and how long all of them take before the first step."""
    if stands_for > 1:
        few = folder.about["rows"]["train"]
        yield (
            f"reckoned from {few:,} of {round(few * stands_for):,} stretches of text, evenly "
            f"chosen; before the steps all are tokenised: about {stands_for * seconds:,.0f} s more"
        )


def _baselines_bytes(
    folder: RunFolder, recipe: Recipe, trained: Trained, device: torch.device
) -> int:
    """Return the peak of memory before the first step, where baselines are fitted beside the model.

    What label names alone say is asked of a model of its own.
    """
    from nbtune.engine.memory import begin_peak, peak_bytes

    rows, known = read_rows(folder, "train"), trained.known
    begin_peak(device)
    task_of(recipe).fit(rows.sample(min(len(rows), FITTED), random_state=0), known)
    with suppress(TooLongError):
        line_zero(recipe, known.labels, rows.head(FITTED))
    return peak_bytes(device)


def _writing_seconds(folder: RunFolder, recipe: Recipe, trained: Trained) -> float:
    """Return what writing of the texts of an evaluation takes; 0 where none are written."""
    if task_of(recipe).write is None or "validation" not in folder.about["rows"]:
        return 0.0
    rows = read_rows(folder, "validation").head(FEW_WRITTEN)
    began = time.monotonic()
    ask(trained, recipe, rows, most_written=FEW_WRITTEN)
    return time.monotonic() - began


def _written(folder: RunFolder, recipe: Recipe, writing: float, job: Job) -> dict[str, float]:
    """Return what the texts take that evaluations write, at most: untrained models go on longest.

    Some are written at each; all of them, where a score of them picks the weights.
    """
    if not writing:
        return {}
    times = _batches(folder) if _picks_by_texts(recipe) else 1.0
    return {"writing": _evaluations(job, recipe) * times * writing}


def _picks_by_texts(recipe: Recipe) -> bool:
    task = task_of(recipe)
    return (recipe.metric_for_best_model or task.metrics[0]) in task.dear


def _batches(folder: RunFolder) -> float:
    """Return how often as many validation rows as an evaluation writes there are."""
    return max(1.0, float(folder.about["rows"]["validation"]) / FEW_WRITTEN)


def _around(folder: RunFolder, recipe: Recipe, before: float, writing: float) -> Iterator[str]:
    """Say what comes before the first step and after the last, which the time leaves out."""
    if before:
        yield f"before the steps texts are learnt that are alike: about {before:,.0f} s more"
    if writing and task_of(recipe).dear and not _picks_by_texts(recipe):
        after = _batches(folder) * writing
        yield f"at the end all validation rows are written, for {after:,.0f} s at most"


def _seconds(job: Job, recipe: Recipe, costs: Costs) -> dict[str, float]:
    steps = costs.step_seconds * job.total_steps
    evaluations = _evaluations(job, recipe)
    # The best weights are saved beside the state; that every evaluation is the best yet is usual
    # for short runs, and the most there can be.
    saved = evaluations * (costs.state_bytes + costs.moving_bytes)
    between = 0 if math.isnan(steps) else int(steps / recipe.save_interval_seconds)
    saved += max(0 if evaluations else 1, between - evaluations) * costs.state_bytes
    return {
        "frozen layers": costs.frozen_seconds,
        "steps": steps + costs.new_sizes * costs.compiling_seconds,
        "evaluations": evaluations * costs.evaluation_seconds,
        "checkpoints": saved / costs.write_rate,
    }


def _evaluations(job: Job, recipe: Recipe) -> int:
    if job.validation is None or recipe.eval_strategy == "no":
        return 0
    by_steps = recipe.eval_strategy == "steps" and recipe.eval_steps
    return math.ceil(job.total_steps / (by_steps or job.steps_per_epoch))


def _disk(folder: RunFolder, job: Job, costs: Costs) -> dict[str, int]:
    """Return bytes by part, at the most: a checkpoint is there until the next one has verified.

    Two to go on from are kept, and one of the best weights.
    """
    files = _size(folder.path)
    train = _size(folder.path / "tokens" / "train") + _size(folder.path / "data", "train.parquet")
    adapter_only = hasattr(job.forward.model, "peft_config")
    return {
        "rows and tokens": files + round((job.stands_for - 1) * train),
        "frozen layers": costs.frozen_bytes,
        "checkpoints": 3 * costs.state_bytes + 2 * costs.moving_bytes,
        "model": costs.moving_bytes if adapter_only else costs.memory["weights"],
    }


def _size(folder: Path, names: str = "*") -> int:
    return sum(file.stat().st_size for file in folder.rglob(names) if file.is_file())


def _notes(recipe: Recipe, costs: Costs) -> tuple[str, ...]:
    notes = []
    if not costs.steps:
        notes.append("no step was made: memory would hardly do, so the time is not known")
    if recipe.gradual_unfreezing:
        notes.append("measured with all layers trained: steps before that are faster")
    if recipe.early_stopping_patience:
        notes.append("early stopping may end it sooner")
    return tuple(notes)
