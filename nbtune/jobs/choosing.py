"""What is chosen for the user before a run begins, and what cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nbtune.errors import ModelError, RecipeError, RunError
from nbtune.methods import find_method, method_names
from nbtune.models.sources import BUILTIN, IMAGE_RATES, ModelSource, find_model
from nbtune.recipe import OF_TASKS, Recipe, from_yaml
from nbtune.recipe.schedules import WITHOUT_WARMUP, check_rate
from nbtune.records import (
    ANSWER_SCORES,
    CHAT_SCORES,
    MASKED_SCORES,
    MULTI_LABEL_SCORES,
    PREFERENCE_SCORES,
    REGRESSION_SCORES,
    RELATION_SCORES,
    REWRITING_SCORES,
    SCORES,
    SPAN_SCORES,
    STEP_SCORES,
    WRITING_SCORES,
)
from nbtune.runs import RunFolder, RunStore
from nbtune.tasks import BUILTIN as BUILTIN_TASKS
from nbtune.tasks import find_task, task_names, task_of

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.data.preparing import PreparedData
    from nbtune.data.rows import Rows

HIGHEST_RATE = 10.0
FAR = 30.0
"""A learning rate so many times the usual one, or so small a part of it, is spoken of."""
EVERY_SCORE = (
    *SCORES,
    *MULTI_LABEL_SCORES,
    *REGRESSION_SCORES,
    *RELATION_SCORES,
    *SPAN_SCORES,
    *ANSWER_SCORES,
    *MASKED_SCORES,
    *WRITING_SCORES,
    *CHAT_SCORES,
    *PREFERENCE_SCORES,
    *STEP_SCORES,
    *REWRITING_SCORES,
)
OPTIMIZER_RATES = {"sgd": 100.0, "adagrad": 3.0, "rmsprop": 0.3, "lion": 0.3}
"""How many times AdamW's rate suits the others; found with ``%nbtune lr_find``."""


def known_names() -> dict[str, list[str]]:
    """Return the words of the settings that plug-ins add words to; see `nbtune.recipe.compose`."""
    return {
        "task": task_names(),
        "method": method_names(),
        "metric_for_best_model": list(dict.fromkeys([*EVERY_SCORE, "loss"])),
    }


def begin_at_run(recipe: Recipe, store: RunStore, name: str) -> Recipe:
    """Return the recipe with the place of its weights, where its model is the name of a run.

    Raises
    ------
    RecipeError
        When the name could mean the run that is to be trained.
    RunError
        When that run has no weights that stand by themselves.
    """
    model = recipe.model
    if model is None or model in BUILTIN or Path(model).exists():
        return recipe
    title, _, version = model.partition("@")
    newest = store.newest(title)
    if newest is None:
        return recipe
    if not version and title == name:
        raise RecipeError(
            f"model: {model} is also what this run is called",
            hint=f"say which one's weights are meant: model: {newest.title}",
        )
    folder = store.get(model)
    if not folder.model_path.is_dir():
        raise RunError(
            f"model: {folder.title} has no model yet: it is {folder.status()}",
            hint=f"go on with it: %resume {folder.title}",
        )
    if (folder.model_path / "adapter_config.json").is_file():
        raise RunError(
            f"model: {folder.title} has an adapter, which stands on another model",
            hint=f"save both as one: nbtune.load('{folder.title}').save('folder', merged=True), "
            "then model: ./folder",
        )
    return recipe.model_copy(update={"model": str(folder.model_path)})


def find_source(name: str | None) -> ModelSource:
    """Resolve a model; that of a run is suited by what suited the model which that run began with.

    Raises
    ------
    ModelError
        As `nbtune.models.sources.find_model` does.
    """
    source = find_model(name)
    begun = RunFolder(Path(source.location).parent).about.get("model") if source.location else None
    if source.learning_rate is not None or begun is None:
        return source
    try:
        return replace(source, learning_rate=find_source(begun).learning_rate)
    except ModelError:  # what it began with is gone
        return source


def source_for(recipe: Recipe) -> ModelSource:
    """Return the model that a recipe names, or what its task begins with where it names none."""
    task = task_of(recipe)
    source = find_source(recipe.model or task.model)
    if task.reads == "images" and source.name in IMAGE_RATES:
        source = replace(source, learning_rate=IMAGE_RATES[source.name])
    if recipe.model is not None or task.model is None:
        return source
    note = f"no model is named, so {task.model} starts from nothing"
    return replace(source, note=f"{note}; a pre-trained one needs fewer rows")


def model_of(recipe: Recipe, runs_dir: str | Path | None = None) -> ModelSource:
    """Return the model that a recipe begins with, be it that of a run; see `find_source`."""
    return source_for(begin_at_run(recipe, RunStore(runs_dir), ""))


def seen_before(recipe: Recipe, data: PreparedData) -> str:
    """Say which held-out rows the run that lent its weights was trained on; empty for none."""
    from nbtune.jobs.folders import read_rows

    model = Path(recipe.model or "")
    folder = RunFolder(model.parent)
    # Any folder may hold data; the weights of a run lie in one that says what the run is.
    if model != folder.model_path or not folder.about:
        return ""
    kind = task_of(from_yaml(folder.recipe_text)).rows  # which may be another than that of the data
    seen = set((kind.seen or kind.texts)(read_rows(folder, "train")))
    held_out = {
        split: sum(text in seen for text in (data.kind.seen or data.kind.texts)(rows))
        for split, rows in data.splits.items()
        if split != "train"
    }
    told = " and ".join(f"{count} {split} rows" for split, count in held_out.items() if count)
    if not told:
        return ""
    return (
        f"model: {folder.title} was trained on {told}, so their scores are too good; the same "
        "data, seed, validation_size and test_size keep them apart"
    )


def fill_in(recipe: Recipe, source: ModelSource) -> Recipe:
    """Write what was chosen for the user into the recipe, so that it runs the same elsewhere.

    Raises
    ------
    RecipeError
        When something that the recipe needs is not installed, or its rate would end too high.
    """
    task_of(recipe)
    method = find_method(recipe.method)
    method.check(recipe.model_copy(update={"model": source.name}))
    _check_optimizer(recipe)
    rate = recipe.learning_rate or usual_rate(recipe, source)
    try:
        check_rate(recipe.lr_scheduler_type, recipe.lr_scheduler_kwargs, rate)
    except ValueError as error:
        raise RecipeError(
            f"lr_scheduler_kwargs: {error}", hint="give a lower one, or a higher learning_rate"
        ) from None
    return recipe.model_copy(update={"model": source.name, "learning_rate": rate})


def check_layers(recipe: Recipe, source: ModelSource) -> None:
    """Refuse what the layers of the model are not there for, before its weights are read.

    Raises
    ------
    RecipeError
        When more layers are to be frozen than there are, those of a method are not there, none
        can run again in the backward pass, or the task asks for more than there is.
    ModelError
        When the model cannot be loaded, or has no head for the task.
    """
    from nbtune.jobs.trained import load_words
    from nbtune.methods.freezing import frozen_weights
    from nbtune.models.loading import outline_model

    source = replace(source, size=recipe.size)
    task = task_of(recipe)
    model = outline_model(source, task.head, recipe.revision)
    frozen_weights(model, recipe)
    if task.reads == "images" and source.kind != "scratch":
        load_words(source, task, revision=recipe.revision)  # or say what is missing of it
    if recipe.gradient_checkpointing and not model.supports_gradient_checkpointing:
        raise RecipeError(
            f"gradient_checkpointing: {source.name} cannot run layers again",
            hint="leave it out; a smaller per_device_train_batch_size takes less memory too",
        )
    if task.check is not None:
        task.check(model, recipe)
    find_method(recipe.method).check_layers(model, recipe)


def suit(frame: pd.DataFrame, recipe: Recipe) -> tuple[Recipe, Rows]:
    """Return the recipe with what the columns ask for, and what its task asks of the rows.

    Raises
    ------
    RecipeError
        When settings mean nothing to what is learnt.
    """
    if "task" not in recipe.model_fields_set:
        recipe = _meant(frame, recipe)
    if recipe.streaming and recipe.task not in OF_TASKS["streaming"]:
        raise RecipeError(
            f"streaming: {recipe.task} does not read files piece by piece",
            hint=f"task: {' or task: '.join(OF_TASKS['streaming'])}; or leave streaming out",
        )
    suited = find_task(recipe.task).suited
    if suited is not None:
        recipe = recipe.model_copy(update=suited(frame, recipe))
    task = task_of(recipe)
    plain = type(recipe)()
    changed = [name for name in task.without if getattr(recipe, name) != getattr(plain, name)]
    if changed:
        raise RecipeError(
            f"{', '.join(changed)}: of no use where {task.summary} is learnt",
            hint="leave it out",
        )
    metric = recipe.metric_for_best_model
    if metric not in (None, "loss", *task.scores) and not _is_of_steps(metric, frame, recipe):
        raise RecipeError(
            f"metric_for_best_model: {metric} is no score of {task.summary}",
            hint=f"its scores are {', '.join(task.scores)}, loss",
        )
    return recipe, task.rows


def _is_of_steps(metric: str | None, frame: pd.DataFrame, recipe: Recipe) -> bool:
    """Whether a score is one of steps of a scale, and the numbers of the rows are such steps."""
    rows = task_of(recipe).rows
    if metric not in STEP_SCORES or rows.steps is None:
        return False
    named = {role: name for role in rows.roles if (name := getattr(recipe, role)) is not None}
    usable, _ = rows.usable(frame, rows.find(frame, named).roles, recipe, "data")
    return rows.steps(usable) is not None


def _meant(frame: pd.DataFrame, recipe: Recipe) -> Recipe:
    """Return the recipe with the task that its columns can only be meant for."""
    from nbtune.data.columns import TEXT_NAMES
    from nbtune.data.meant import task_meant
    from nbtune.data.pictured import image_columns

    has_texts = bool({str(name).lower() for name in frame.columns} & set(TEXT_NAMES))
    if recipe.text is None and not has_texts and (images := image_columns(frame)):
        raise RecipeError(
            f"the column {images[0]!r} holds images, and texts are learnt where no task is named",
            hint="say so: task: image-classification (or name a column of texts: text: ...)",
        )
    is_open = not recipe.model_fields_set & {"text", "label"}
    task = task_meant(frame) if is_open else None
    return recipe if task is None else recipe.model_copy(update={"task": task})


def usual_rate(recipe: Recipe, source: ModelSource) -> float:
    """Return the learning rate that usually suits.

    A model with a usual rate of its own has it for all weights; the other methods take as many
    times that rate as they take of the rate that is usual for any model. So do optimisers.
    """
    method = find_method(recipe.method)
    usual = method.learning_rate * method.usual_scale(recipe)
    usual *= OPTIMIZER_RATES.get(recipe.optim, 1.0)
    if source.learning_rate is not None:
        usual *= source.learning_rate / find_method("full").learning_rate
    return min(usual * task_of(recipe).rate, HIGHEST_RATE)


def rising_rates(lowest: float, highest: float, steps: int) -> list[float]:
    """Return learning rates that rise by the same factor from step to step.

    Raises
    ------
    RecipeError
        When they cannot rise, or are too few to see anything.
    """
    if not 0 < lowest < highest <= HIGHEST_RATE:
        raise RecipeError(
            f"min_lr {lowest:g} and max_lr {highest:g}: the rate cannot rise from one to the other",
            hint=f"min_lr is below max_lr, and max_lr {HIGHEST_RATE:g} at most",
        )
    if not 20 <= steps <= 10_000:
        raise RecipeError(f"num_training is {steps}", hint="take 20 to 10,000 steps; 100 is usual")
    factor = highest / lowest
    return [lowest * factor ** (step / (steps - 1)) for step in range(steps)]


def _check_optimizer(recipe: Recipe) -> None:
    if "bnb" in recipe.optim and find_spec("bitsandbytes") is None:
        raise RecipeError(
            f"optim: {recipe.optim} needs the package bitsandbytes, which is not installed",
            hint="pip install bitsandbytes, or use optim: adafactor, which needs less memory too",
        )


def advice(recipe: Recipe, source: ModelSource) -> Iterator[str]:
    """Yield what the user should know about a recipe that works, but hardly as was meant."""
    if source.kind == "scratch" and (recipe.method != "full" or recipe.freeze is not None):
        what = f"method {recipe.method}" if recipe.method != "full" else f"freeze: {recipe.freeze}"
        yield (
            f"{what} keeps the weights of {source.name} as they were drawn at "
            "random; method: full trains them"
        )
    if task_of(recipe).reads == "images" and (recipe.method == "head" or recipe.freeze is not None):
        yield "what is frozen is run once more in every epoch: states of images are not kept"
    if source.kind != "scratch" and "size" in recipe.model_fields_set:
        yield f"size: {recipe.size} does nothing: {source.name} has its own"
    if recipe.lr_scheduler_type in WITHOUT_WARMUP and "warmup_steps" in recipe.model_fields_set:
        yield (
            f"lr_scheduler_type {recipe.lr_scheduler_type} has no warm-up, so warmup_steps does "
            "nothing; constant_with_warmup has one"
        )
    if recipe.train_sampling_strategy == "group_by_length":
        saved = "" if recipe.batching == "padded" else "; packed batches have no padding to save"
        yield f"group_by_length: a step has rows of like length, and is no random draw{saved}"
    usual, rate = usual_rate(recipe, source), recipe.learning_rate
    if rate and not usual / FAR <= rate <= usual * FAR:
        yield (
            f"learning_rate {rate:g} is far {'above' if rate > usual else 'below'} what usually "
            f"suits this model and method, {usual:g}; %nbtune lr_find measures what does"
        )
    plain = type(recipe)()
    for name, tasks in OF_TASKS.items():
        is_for_others = recipe.task in BUILTIN_TASKS and recipe.task not in tasks
        if is_for_others and getattr(recipe, name) != getattr(plain, name):
            yield f"{name} does nothing in {recipe.task}: it is for {' and '.join(tasks)}"
