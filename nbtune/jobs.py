"""From a run's folder to a trained model in it: tokenise, load, train, save.

A fresh run and a resumed one go the same way; what is in the folder already is not made again.
"""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.errors import RecipeError, RunError
from nbtune.events import (
    BaselineScored,
    Controlled,
    DataReady,
    Event,
    Notice,
    PhaseStarted,
    RunStarted,
    RunStopped,
    as_it_stands,
)
from nbtune.methods import Method, find_method, method_names
from nbtune.models.sources import ModelSource, find_model
from nbtune.recipe import Recipe, Resolved, from_yaml, to_yaml
from nbtune.recipe.schedules import WITHOUT_WARMUP, check_rate
from nbtune.records import SCORES, ParameterTable, RateSearch
from nbtune.runs import RunFolder
from nbtune.runs.files import staged, write_text
from nbtune.tasks import find_task, task_names

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from nbtune.data.encoding import Examples
    from nbtune.data.preparing import PreparedData
    from nbtune.engine.control import Control
    from nbtune.engine.job import Job, Outcome
    from nbtune.models.loading import LoadedModel

Emit = Callable[[Event], None]
Progress = Callable[[int, int], None]
PARAMETERS = "parameters.json"
SHORTEST = 8
"""Fewer tokens than this hold no text."""
HIGHEST_RATE = 10.0
OPTIMIZER_RATES = {"sgd": 100.0, "adagrad": 3.0, "rmsprop": 0.3, "lion": 0.3}
"""How many times AdamW's rate suits the others; found with ``%nbtune lr_find``."""
VERSIONS = ("nbtune", "torch", "transformers", "tokenizers", "datasets", "peft", "scikit-learn")


def known_names() -> dict[str, list[str]]:
    """Return the words of the settings that plug-ins add words to; see `nbtune.recipe.compose`."""
    return {
        "task": task_names(),
        "method": method_names(),
        "metric_for_best_model": [*SCORES, "loss"],
    }


def fill_in(recipe: Recipe, source: ModelSource) -> Recipe:
    """Write what was chosen for the user into the recipe, so that it runs the same elsewhere.

    Raises
    ------
    RecipeError
        When something that the recipe needs is not installed, or its rate would end too high.
    """
    find_task(recipe.task)
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


def usual_rate(recipe: Recipe, source: ModelSource) -> float:
    """Return the learning rate that usually suits.

    A model with a usual rate of its own has it for all weights; the other methods take as many
    times that rate as they take of the rate that is usual for any model. So do optimisers.
    """
    usual = find_method(recipe.method).learning_rate * OPTIMIZER_RATES.get(recipe.optim, 1.0)
    if source.learning_rate is not None:
        usual *= source.learning_rate / find_method("full").learning_rate
    return min(usual, HIGHEST_RATE)


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


def advice(recipe: Recipe, source: ModelSource) -> str:
    """Return what the user should know about a recipe that works, but hardly as was meant."""
    if source.kind == "scratch" and (recipe.method != "full" or recipe.freeze is not None):
        what = f"method {recipe.method}" if recipe.method != "full" else f"freeze: {recipe.freeze}"
        return (
            f"{what} keeps the weights of {source.name} as they were drawn at "
            "random; method: full trains them"
        )
    if recipe.lr_scheduler_type in WITHOUT_WARMUP and "warmup_steps" in recipe.model_fields_set:
        return (
            f"lr_scheduler_type {recipe.lr_scheduler_type} has no warm-up, so warmup_steps does "
            "nothing; constant_with_warmup has one"
        )
    return ""


def identity(recipe: Recipe, data: PreparedData) -> str:
    """Return a fingerprint of all that decides the outcome of a run."""
    import xxhash

    text = f"{to_yaml(recipe, defaults=True)}\n{data.fingerprint}"
    return xxhash.xxh3_128_hexdigest(text.encode())


def lay_out(folder: RunFolder, resolved: Resolved, recipe: Recipe, data: PreparedData) -> None:
    """Write down what the run is and the rows it uses, before anything is trained."""
    with staged(folder.path / "data") as rows:
        for split, frame in data.splits.items():
            frame.to_parquet(rows / f"{split}.parquet", index=False)
    folder.describe(
        {
            "created": round(time.time(), 3),
            "task": recipe.task,
            "model": recipe.model,
            "method": recipe.method,
            "labels": list(data.labels),
            "columns": {"text": data.columns.text, "label": data.columns.label},
            "rows": {split: len(frame) for split, frame in data.splits.items()},
            "identity": identity(recipe, data),
            "model_folder": _absolute(recipe.model),
            "origins": [list(row) for row in resolved.rows()],
            "python": platform.python_version(),
            "versions": {name: _version(name) for name in VERSIONS},
        },
        to_yaml(recipe),
    )


def events_of_course(history: Iterable[tuple[float, Event]]) -> list[Controlled]:
    """Return what a run was asked that made it what it is, a stop at its end included."""
    events = [event for _, event in as_it_stands(history)]
    course = [e for e in events if isinstance(e, Controlled) and e.shapes_course]
    last = next((e for e in reversed(events) if isinstance(e, RunStopped)), None)
    if last is not None and last.reason == "interrupted":
        course.append(Controlled(last.step, "stop"))
    return course


def lay_out_again(folder: RunFolder, like: RunFolder, course: Sequence[Controlled]) -> None:
    """Write down a run that begins as another one began."""
    shutil.copytree(like.path / "data", folder.path / "data")
    recipe = from_yaml(like.recipe_text)
    # Epochs that were added to a run stand in its recipe; it began with those before.
    epochs = next((e.before for e in course if e.setting == "num_train_epochs"), None)
    if epochs is not None:
        recipe = recipe.model_copy(update={"num_train_epochs": epochs})
    own = {"created": round(time.time(), 3), "replay_of": like.title, "identity": None}
    folder.describe(like.about | own, to_yaml(recipe))


def _absolute(model: str | None) -> str | None:
    """Return where a model's folder lies, whatever folder a later kernel works in."""
    folder = Path(model or "").expanduser()
    return str(folder.resolve()) if model and folder.is_dir() else None


def _source(folder: RunFolder, recipe: Recipe) -> ModelSource:
    """Find the model that a run begins with: where it was, or else by its name."""
    kept = folder.about.get("model_folder")
    if kept and Path(kept).is_dir():
        return replace(find_model(kept), name=str(recipe.model))
    return find_model(recipe.model)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True)
class Trained:
    """A model in memory with its tokenizer and the longest row it takes, in tokens."""

    model: Any
    tokenizer: Any
    max_length: int


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
    from nbtune.engine.wishes import changed

    recipe = from_yaml(folder.recipe_text)
    if extend:
        recipe = changed(recipe, extend)
        folder.describe(folder.about, to_yaml(recipe))
    with own_randomness(find_device()):
        trained, outcome = _train(folder, recipe, emit, control, resume)
    if outcome.failure is not None:
        raise outcome.failure
    return trained if outcome.stopped.best_step is not None else None


def _train(
    folder: RunFolder, recipe: Recipe, emit: Emit, control: Control, resume: bool
) -> tuple[Trained, Outcome]:
    from nbtune.engine.control import interrupts
    from nbtune.engine.loop import Training

    trained, examples = _load(folder, recipe, emit)
    if recipe.baseline and not (folder.path / "baselines").is_dir():
        _score_baselines(folder, emit)
    job = _job(folder, recipe, trained, examples)
    if left := job.waiting((job.total_steps - 1) / job.steps_per_epoch):
        count = sum(weight.numel() for weight in left)
        emit(Notice(f"gradual_unfreezing: the run ends before the turn of {count:,} weights"))
    emit(PhaseStarted("training"))
    training = Training(job, emit, control, folder.last, folder.best)
    # Until here nothing is lost by stopping at once, so an interrupt does.
    with interrupts(control, lambda text: training.tell(Notice(text))):
        outcome = _keep(folder, trained, training.run(resume), emit)
    return trained, outcome


def find_rate(
    folder: RunFolder, rates: list[float], usual: float, emit: Emit, progress: Progress
) -> RateSearch:
    """Try rates on the run that this folder describes; nothing is trained for good."""
    from nbtune.engine.rate_finding import try_rates

    recipe = from_yaml(folder.recipe_text)
    trained, examples = _load(folder, recipe, emit)
    job = _job(folder, recipe, trained, examples)
    began = time.monotonic()
    losses = try_rates(job, rates, progress)
    seconds = round(time.monotonic() - began, 3)
    return RateSearch(str(recipe.model), recipe.method, tuple(rates), tuple(losses), usual, seconds)


def _load(folder: RunFolder, recipe: Recipe, emit: Emit) -> tuple[Trained, dict[str, Examples]]:
    from nbtune.methods.counting import count_parameters
    from nbtune.models.loading import quiet

    emit(PhaseStarted("loading model"))
    source, method = _source(folder, recipe), find_method(recipe.method)
    method.check(recipe)
    tokenizer = _tokenizer(folder, source, recipe)
    model, loaded = _new_model(folder, recipe, tokenizer)
    for text in loaded.notices:
        emit(Notice(text))
    max_length = _longest(loaded, method, recipe)
    if max_length < recipe.max_length:
        emit(Notice(f"max_length is {max_length}: {source.name} takes no longer rows"))
    write_text(folder.path / PARAMETERS, count_parameters(model).to_json())
    if recipe.gradient_checkpointing:
        with quiet():
            model.gradient_checkpointing_enable({"use_reentrant": False})
    emit(PhaseStarted("tokenising"))
    examples = _tokenise(folder, tokenizer, max_length, emit)
    return Trained(model, tokenizer, max_length), examples


def _new_model(folder: RunFolder, recipe: Recipe, tokenizer: Any) -> tuple[Any, LoadedModel]:
    """Make the model as training begins with it: the same weights every time."""
    from nbtune.methods.freezing import freeze
    from nbtune.models.loading import load_model

    method = find_method(recipe.method)
    loaded = load_model(
        _source(folder, recipe),
        tokenizer,
        folder.about["labels"],
        head=find_task(recipe.task).head,
        seed=recipe.seed,
        attention_dropout=recipe.attention_dropout,
        dropout=recipe.dropout,
        revision=recipe.revision,
        quantize=_quantize(method, recipe),
    )
    model = method.apply(loaded.model, recipe)
    freeze(model, recipe)
    return model, loaded


def _quantize(method: Method, recipe: Recipe) -> Callable[[Any], Any] | None:
    quantize = method.quantize
    return None if quantize is None else lambda model: quantize(model, recipe)


def _longest(loaded: LoadedModel, method: Method, recipe: Recipe) -> int:
    """Return the longest row in tokens; those that a method adds take places as well.

    Raises
    ------
    RecipeError
        When these leave no place for a row.
    """
    if loaded.max_positions is None:
        return recipe.max_length
    places = loaded.max_positions - method.virtual_tokens(recipe)
    if places < SHORTEST:
        raise RecipeError(
            f"num_virtual_tokens: {recipe.num_virtual_tokens} leave no room for texts in the "
            f"{loaded.max_positions} places of {recipe.model}",
            hint=f"take {max(1, loaded.max_positions // 2)} or fewer",
        )
    return min(recipe.max_length, places)


def _tokenizer(folder: RunFolder, source: ModelSource, recipe: Recipe) -> Any:
    from nbtune.models.loading import load_tokenizer

    saved = folder.path / "tokenizer"
    if saved.is_dir():
        return load_tokenizer(ModelSource(source.name, "local", str(saved)), [])
    texts = list(read_rows(folder, "train")["text"]) if source.kind == "scratch" else []
    tokenizer = load_tokenizer(source, texts, recipe.revision)
    with staged(saved) as place:
        tokenizer.save_pretrained(place)
    return tokenizer


def read_rows(folder: RunFolder, split: str) -> pd.DataFrame:
    """Return the rows of a split as they were trained on: columns row, text, label."""
    import pandas as pd

    return pd.read_parquet(folder.path / "data" / f"{split}.parquet")


def source_rows(folder: RunFolder, rows: Sequence[int]) -> list[int]:
    """Return where some training rows stood in the user's data, from 0."""
    import pandas as pd

    file = folder.path / "data" / "train.parquet"
    return [int(row) for row in pd.read_parquet(file, columns=["row"])["row"].iloc[list(rows)]]


def _tokenise(
    folder: RunFolder, tokenizer: Any, max_length: int, emit: Emit
) -> dict[str, Examples]:
    from nbtune.data.encoding import length_report, open_examples, write_examples

    ids = {label: i for i, label in enumerate(folder.about["labels"])}
    examples = {}
    for split in ("train", "validation"):
        place = folder.path / "tokens" / split
        if split not in folder.about["rows"]:
            continue
        if place.is_dir():
            examples[split] = open_examples(place)
            continue
        frame = read_rows(folder, split)
        examples[split] = write_examples(
            list(frame["text"]), [ids[x] for x in frame["label"]], tokenizer, max_length, place
        )
    counts = read_rows(folder, "train")["label"].value_counts()
    emit(
        DataReady(
            dict(folder.about["rows"]),
            {label: int(counts.get(label, 0)) for label in ids},
            length_report(examples["train"]),
        )
    )
    return examples


def _job(
    folder: RunFolder, recipe: Recipe, trained: Trained, examples: Mapping[str, Examples]
) -> Job:
    from nbtune.engine.device import choose_precision, find_device
    from nbtune.engine.job import Job
    from nbtune.engine.state import moving_tensors
    from nbtune.engine.stepping import Forward
    from nbtune.evaluation.metrics import score
    from nbtune.methods.freezing import gradual_unfreezing
    from nbtune.models.probing import find_frozen, find_packer

    task, method, labels = (
        find_task(recipe.task),
        find_method(recipe.method),
        folder.about["labels"],
    )
    device = find_device()
    precision = choose_precision(recipe.precision, device)
    model = trained.model.to(device)
    packer = find_packer(model) if recipe.batching == "packed" else None
    # Frozen layers say the same in every epoch, unless there is noise on what they are told.
    if packer is not None and recipe.cache_frozen and recipe.neftune_noise_alpha is None:
        packer.frozen = find_frozen(model, packer)
    counted = ParameterTable.from_json((folder.path / PARAMETERS).read_text(encoding="utf-8"))
    metric = recipe.metric_for_best_model or task.metrics[0]
    return Job(
        forward=Forward(model, device, precision, packer),
        train=examples["train"],
        validation=examples.get("validation"),
        recipe=recipe,
        learning_rate=recipe.learning_rate or method.learning_rate,
        loss=task.loss(
            _with_weights_in_order(recipe, labels), examples["train"].targets, len(labels)
        ),
        score=score,
        metric=metric,
        pad_id=trained.tokenizer.pad_token_id,
        start=RunStarted(
            step=0,
            total_steps=0,
            steps_per_epoch=0,
            task=recipe.task,
            model=str(recipe.model),
            method=recipe.method,
            parameters=counted.parameters,
            trainable_parameters=counted.trainable,
            device=device.type,
            precision=precision,
            batching="padded" if packer is None else "packed",
            metric=metric,
        ),
        states=folder.path / "states",
        waiting=gradual_unfreezing(model, recipe),
        source_rows=partial(source_rows, folder),
        fresh=lambda: moving_tensors(_new_model(folder, recipe, trained.tokenizer)[0]),
    )


def _with_weights_in_order(recipe: Recipe, labels: Sequence[str]) -> Recipe:
    """Give weights by the name of a label their place in the order of labels."""
    weights = recipe.class_weight
    if not isinstance(weights, Mapping):
        return recipe
    ordered = tuple(weights.get(label, 1.0) for label in labels)
    return recipe.model_copy(update={"class_weight": ordered})


def _score_baselines(folder: RunFolder, emit: Emit) -> None:
    from nbtune.evaluation.baselines import fit_baselines, save_baselines
    from nbtune.evaluation.metrics import score

    emit(PhaseStarted("scoring baselines"))
    labels = folder.about["labels"]
    ids = {label: i for i, label in enumerate(labels)}
    train = read_rows(folder, "train")
    fitted = fit_baselines(list(train["text"]), [ids[x] for x in train["label"]], len(labels))
    save_baselines(folder.path / "baselines", fitted)
    if "validation" in folder.about["rows"]:
        frame = read_rows(folder, "validation")
        targets = frame["label"].map(ids).to_numpy()
        for baseline in fitted:
            scores = score(targets, baseline.predict_proba(list(frame["text"])))
            emit(BaselineScored(baseline.name, "validation", scores))


def _keep(folder: RunFolder, trained: Trained, outcome: Outcome, emit: Emit) -> Outcome:
    """Write the model as ``from_pretrained`` reads it, and tell how the run ended."""
    if outcome.stopped.best_step is not None:
        emit(PhaseStarted("saving"))
        try:
            save_trained(trained, folder.model_path)
        except Exception as error:  # noqa: BLE001 - safetensors has errors of its own
            failure = RunError(
                f"the model could not be saved: {error}",
                hint=f"make room, then: %resume {folder.title} (its checkpoint is safe)",
            )
            stopped = replace(outcome.stopped, reason="failed", message=failure.problem)
            outcome = replace(outcome, stopped=stopped, failure=outcome.failure or failure)
    emit(outcome.stopped)
    return outcome


def save_trained(trained: Trained, folder: Path) -> None:
    """Write model and tokenizer to a folder as ``from_pretrained`` reads them."""
    from nbtune.models.loading import quiet

    with quiet(), staged(folder) as place:
        trained.model.save_pretrained(place)
        trained.tokenizer.save_pretrained(place)


def load_trained(folder: RunFolder, *, dequantize: bool = False) -> Trained:
    """Load the model that a run left, with its best weights.

    Parameters
    ----------
    dequantize : bool
        Turn weights of 4 or 8 bits into the numbers of 32 bits that they stand for.

    Raises
    ------
    RunError
        When it has none yet.
    ModelError
        When the model that an adapter stands on is gone.
    """
    from nbtune.models.loading import load_model, load_tokenizer, quiet

    if not folder.model_path.is_dir():
        raise RunError(
            f"{folder.title} has no model yet: it is {folder.status()}",
            hint=f"go on with it: %resume {folder.title}",
        )
    recipe = from_yaml(folder.recipe_text)
    method = find_method(recipe.method)
    saved = ModelSource(folder.title, "local", str(folder.model_path))
    adapter = (folder.model_path / "adapter_config.json").is_file()
    if adapter:
        method.check(recipe)
    tokenizer = load_tokenizer(saved, [])
    loaded = load_model(
        _source(folder, recipe) if adapter else saved,
        tokenizer,
        folder.about["labels"],
        head=find_task(recipe.task).head,
        revision=recipe.revision if adapter else None,
        quantize=_quantize(method, recipe) if adapter else None,
    )
    model = loaded.model
    if dequantize and getattr(model, "is_quantized", False):
        with quiet():
            model = model.dequantize()
    if adapter:
        model = method.load(model, folder.model_path, recipe)
    return Trained(model.eval(), tokenizer, _longest(loaded, method, recipe))


def load_merged(folder: RunFolder) -> Trained:
    """Load the model of a run as a plain one, its adapters added to the weights.

    Raises
    ------
    RunError
        As `load_trained`, and when the method's part cannot be added to weights.
    """
    from nbtune.methods.adapters import merged

    # Rounded anew to 4 or 8 bits the sums would be other numbers.
    trained = load_trained(folder, dequantize=True)
    model = trained.model
    if not hasattr(model, "peft_config"):
        return trained
    method = from_yaml(folder.recipe_text).method
    if not hasattr(model.base_model, "merge_adapter"):
        raise RunError(
            f"{folder.title}: what method {method} learnt is no part of the weights",
            hint="save it without merged; merging goes with lora, qlora and ia3",
        )
    return replace(trained, model=merged(model).eval())


def probabilities(
    trained: Trained,
    recipe: Recipe,
    texts: list[str],
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray[Any, Any]:
    """Return the label probabilities of texts, cleaned as in training; shape (rows, labels)."""
    import numpy as np

    from nbtune.data.batches import InMemory
    from nbtune.data.cleaning import clean_texts
    from nbtune.engine.device import choose_precision, find_device
    from nbtune.engine.inference import predict_logits, softmax
    from nbtune.engine.stepping import Forward
    from nbtune.models.packing import packing
    from nbtune.models.probing import find_packer

    if not texts:
        return np.empty((0, trained.model.config.num_labels))
    ids = trained.tokenizer(
        clean_texts(texts, recipe.clean), truncation=True, max_length=trained.max_length
    )["input_ids"]
    device = find_device()
    model = trained.model.to(device)
    packer = find_packer(model) if recipe.batching == "packed" else None
    forward = Forward(model, device, choose_precision(recipe.precision, device), packer)
    rows = InMemory(ids, np.zeros(len(ids), dtype=np.int64))
    with packing(model, packer):
        logits = predict_logits(forward, rows, trained.tokenizer.pad_token_id, progress)
    return softmax(logits)
