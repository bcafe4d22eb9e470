"""What the loop needs to train a loaded model, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nbtune.events import RunStarted
from nbtune.jobs.folders import PARAMETERS, last_start, name_of_model, read_rows, source_rows
from nbtune.jobs.loading import new_model
from nbtune.jobs.scoring import FEW_WRITTEN
from nbtune.jobs.trained import Trained, hidden_size, with_texts
from nbtune.methods import find_method
from nbtune.recipe import Recipe
from nbtune.records import ParameterTable
from nbtune.runs import RunFolder
from nbtune.tasks import Known, Task, task_of

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from nbtune.data.batches import Indices
    from nbtune.data.encoding import Examples
    from nbtune.engine.job import Job
    from nbtune.models.packing import Packer


def make_job(
    folder: RunFolder, recipe: Recipe, trained: Trained, examples: Mapping[str, Examples]
) -> Job:
    """Put together what the loop needs to train a loaded model."""
    from nbtune.engine.device import find_device
    from nbtune.engine.job import Job
    from nbtune.engine.state import moving_tensors
    from nbtune.engine.stepping import Forward
    from nbtune.methods.freezing import gradual_unfreezing
    from nbtune.models.probing import find_frozen, find_packer

    task, labels = task_of(recipe), folder.about["labels"]
    train, device = examples["train"], find_device()
    model = trained.model.to(device)
    precision = _precision(folder, recipe, device, hidden_size(model))
    packer = find_packer(model) if recipe.batching == "packed" else None
    # Frozen layers say the same in every epoch, unless what they are told changes.
    is_same = recipe.neftune_noise_alpha is None and task.shown is None
    if packer is not None and recipe.cache_frozen and is_same:
        packer.frozen = find_frozen(model, packer)
    metric = recipe.metric_for_best_model or task.metrics[0]
    return Job(
        forward=Forward(model, device, precision, packer, keep=task.keep),
        train=train,
        validation=examples.get("validation"),
        recipe=recipe,
        learning_rate=recipe.learning_rate or find_method(recipe.method).learning_rate,
        loss=task.loss(
            _with_weights_in_order(recipe, labels), train.targets, task.outputs or len(labels)
        ),
        read=_reader(folder, task, trained, examples, packer, metric),
        score=_scorer(folder, task.score, trained.known),
        glance=_scorer(folder, task.glance, trained.known),
        metric=metric,
        pad_id=trained.tokenizer.pad_token_id,
        start=_start(folder, recipe, device.type, precision, packer, metric),
        states=folder.path / "states",
        waiting=gradual_unfreezing(model, recipe),
        source_rows=lambda own: source_rows(folder, _rows_of(train, own)),
        fresh=lambda: moving_tensors(new_model(folder, recipe, trained.tokenizer)[0]),
    )


def _start(
    folder: RunFolder,
    recipe: Recipe,
    device: str,
    precision: str,
    packer: Packer | None,
    metric: str,
) -> RunStarted:
    """Return what is told at the first step, which the loop fills in."""
    counted = ParameterTable.from_json((folder.path / PARAMETERS).read_text(encoding="utf-8"))
    return RunStarted(
        step=0,
        total_steps=0,
        steps_per_epoch=0,
        task=recipe.task,
        model=name_of_model(recipe),
        method=recipe.method,
        parameters=counted.parameters,
        trainable_parameters=counted.trainable,
        device=device,
        precision=precision,
        batching="padded" if packer is None else "packed",
        metric=metric,
    )


def _precision(folder: RunFolder, recipe: Recipe, device: torch.device, width: int | None) -> str:
    """Choose a number format; a run that goes on computes as it did, if this machine can."""
    from nbtune.engine.precision import choose_precision, works

    begun = last_start(folder)
    is_open = begun is not None and recipe.precision == "auto" and begun.device == device.type
    if begun is not None and is_open and works(begun.precision, device, width):
        return begun.precision
    return choose_precision(recipe.precision, device, width)


def _rows_of(examples: Examples, own: Indices) -> list[int]:
    """Return the rows that some examples are parts of."""
    return [int(row) for row in (own if examples.rows is None else examples.rows[own])]


def _with_weights_in_order(recipe: Recipe, labels: Sequence[str]) -> Recipe:
    """Give weights by the name of a label their place in the order of labels."""
    weights = recipe.class_weight
    if not isinstance(weights, Mapping):
        return recipe
    ordered = tuple(weights.get(label, 1.0) for label in labels)
    return recipe.model_copy(update={"class_weight": ordered})


def _reader(
    folder: RunFolder,
    task: Task,
    trained: Trained,
    examples: Mapping[str, Examples],
    packer: Packer | None,
    metric: str,
) -> Callable[[Any], Any]:
    """Return how logits of the validation rows become predictions, with a few texts where any."""
    if "validation" not in examples:
        return lambda logits: logits
    rows, own = read_rows(folder, "validation"), examples["validation"]

    most = None if metric in task.dear else FEW_WRITTEN

    def read(logits: Any) -> Any:
        said = task.read(logits, rows, own, trained.known)
        return with_texts(said, trained, task, rows, packer, most)

    return read


def _scorer(
    folder: RunFolder,
    score: Callable[[pd.DataFrame, Any, Known], dict[str, Any]] | None,
    known: Known,
) -> Callable[[Any], dict[str, Any]]:
    """Return how predictions for the validation rows are scored by a function of the task."""
    if score is None or "validation" not in folder.about["rows"]:
        return lambda said: {}
    rows = read_rows(folder, "validation")
    return lambda said: score(rows, said, known)
