"""From a run's folder to a trained model in it: tokenise, load, train, save.

A fresh run and a resumed one go the same way; what is in the folder already is not made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.events import (
    BaselineScored,
    BestScored,
    DataReady,
    EvaluationProgress,
    Event,
    Notice,
    PhaseStarted,
    Previewed,
    RunStarted,
)
from nbtune.jobs.folders import (
    PARAMETERS,
    known_of,
    last_start,
    read_rows,
    settled_of,
    source_of,
    source_rows,
)
from nbtune.jobs.starting import before_training
from nbtune.jobs.trained import (
    Trained,
    ask,
    asking,
    head_of,
    hidden_size,
    longest_row,
    quantized,
    save_trained,
    with_texts,
)
from nbtune.methods import find_method
from nbtune.models.sources import ModelSource
from nbtune.recipe import Recipe, from_yaml, to_yaml
from nbtune.records import Choice, ParameterTable, RateSearch
from nbtune.runs import RunFolder
from nbtune.runs.files import staged, write_text
from nbtune.tasks import Known, Task, task_of

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from nbtune.data.batches import Indices, InMemory
    from nbtune.data.encoding import Examples
    from nbtune.engine.control import Control
    from nbtune.engine.job import Job, Outcome
    from nbtune.models.loading import LoadedModel
    from nbtune.models.packing import Packer

Emit = Callable[[Event], None]
Progress = Callable[[int, int], None]
PREVIEWED, HALF = 3, 120
"""Rows of which is shown what is learnt, and the characters of both ends of a long piece."""
FEW_WRITTEN = 8
"""Texts that an evaluation has the model write while it trains: enough to see how they change."""


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
    from nbtune.engine.memory import begin_peak
    from nbtune.engine.modes import own_modes
    from nbtune.engine.wishes import changed

    recipe = from_yaml(folder.recipe_text)
    if extend:
        recipe = changed(recipe, extend)
        folder.describe(folder.about, to_yaml(recipe))
    device = find_device()
    begin_peak(device)
    with own_modes(device), own_randomness(device):
        trained, outcome = _train(folder, recipe, emit, control, resume)
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
        _score_baselines(folder, recipe, trained.known, emit)
        if task_of(recipe).scores_start:
            _score_start(folder, recipe, trained, examples["train"], emit)
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
                _score_best(folder, recipe, trained, outcome.stopped.best_step, emit, control)
        outcome = _keep(folder, trained, outcome, emit)
    return trained, outcome


def find_rate(
    folder: RunFolder, rates: list[float], usual: float, emit: Emit, progress: Progress
) -> RateSearch:
    """Try rates on the run that this folder describes; nothing is trained for good."""
    from nbtune.engine.rate_finding import try_rates

    recipe = from_yaml(folder.recipe_text)
    trained, examples = load(folder, recipe, emit)
    job = make_job(folder, recipe, trained, examples)
    began = time.monotonic()
    losses = try_rates(job, rates, progress)
    seconds = round(time.monotonic() - began, 3)
    return RateSearch(str(recipe.model), recipe.method, tuple(rates), tuple(losses), usual, seconds)


def load(folder: RunFolder, recipe: Recipe, emit: Emit) -> tuple[Trained, dict[str, Examples]]:
    """Load the model as training begins with it, and tokenise the rows of each split."""
    from nbtune.methods.counting import count_parameters
    from nbtune.models.loading import quiet

    emit(PhaseStarted("loading model"))
    source, method = source_of(folder, recipe), find_method(recipe.method)
    method.check(recipe)
    tokenizer = _tokenizer(folder, source, recipe)
    model, loaded = _new_model(folder, recipe, tokenizer)
    for text in loaded.notices:
        emit(Notice(text))
    max_length = longest_row(loaded, method, recipe)
    if max_length < recipe.max_length:
        emit(Notice(f"max_length is {max_length}: {source.name} takes no longer rows"))
    write_text(folder.path / PARAMETERS, count_parameters(model).to_json())
    if recipe.gradient_checkpointing:
        with quiet():
            model.gradient_checkpointing_enable({"use_reentrant": False})
    emit(PhaseStarted("tokenising"))
    known = replace(known_of(folder), tokenizer=tokenizer)
    trained = Trained(model, tokenizer, max_length, known)
    task = task_of(recipe)
    examples = _tokenise(folder, task, trained, emit)
    if task.reference is not None:
        examples = {k: _beside(folder, recipe, trained, k, emit) for k in examples}
    if task.remarks is not None:
        for text in task.remarks(read_rows(folder, "train"), examples["train"], known):
            emit(Notice(text, "warning"))
    if task.shown is not None:
        shown = {k: task.shown(own, known, recipe, k == "train") for k, own in examples.items()}
        return trained, shown
    return trained, examples


def untrained(folder: RunFolder, recipe: Recipe) -> Trained:
    """Return the model of a run as its training began with it."""
    tokenizer = _tokenizer(folder, source_of(folder, recipe), recipe)
    model, loaded = _new_model(folder, recipe, tokenizer)
    known = replace(known_of(folder), tokenizer=tokenizer)
    longest = longest_row(loaded, find_method(recipe.method), recipe)
    return Trained(model.eval(), tokenizer, longest, known)


def _new_model(folder: RunFolder, recipe: Recipe, tokenizer: Any) -> tuple[Any, LoadedModel]:
    """Make the model as training begins with it: the same weights every time."""
    from nbtune.methods import head_modules
    from nbtune.methods.freezing import freeze
    from nbtune.models.heads import set_bias
    from nbtune.models.loading import load_model

    method = find_method(recipe.method)
    loaded = load_model(
        source_of(folder, recipe),
        tokenizer,
        folder.about["labels"],
        **head_of(recipe),
        seed=recipe.seed,
        attention_dropout=recipe.attention_dropout,
        dropout=recipe.dropout,
        revision=recipe.revision,
        quantize=quantized(method, recipe),
    )
    task = task_of(recipe)
    if task.head_bias is not None:
        bias = task.head_bias(read_rows(folder, "train"), known_of(folder))
        set_bias(loaded.model, head_modules(loaded.model), bias)
    if task.prepare is not None:
        task.prepare(loaded.model)
    model = method.apply(loaded.model, recipe)
    freeze(model, recipe)
    return model, loaded


def _tokenizer(folder: RunFolder, source: ModelSource, recipe: Recipe) -> Any:
    from nbtune.models.loading import load_tokenizer

    saved, task = folder.path / "tokenizer", task_of(recipe)
    if saved.is_dir():
        return load_tokenizer(ModelSource(source.name, "local", str(saved)), [], reads=task.reads)
    is_new = source.kind == "scratch"
    texts = task.rows.texts(read_rows(folder, "train")) if is_new else []
    tokenizer = load_tokenizer(source, texts, recipe.revision, task.reads)
    if task.dress is not None:
        task.dress(tokenizer)
    with staged(saved) as place:
        tokenizer.save_pretrained(place)
    return tokenizer


def _tokenise(folder: RunFolder, task: Task, trained: Trained, emit: Emit) -> dict[str, Examples]:
    from nbtune.data.encoding import length_report, open_examples, write_examples
    from nbtune.data.preparing import label_counts

    def encoder(split: str) -> Callable[[pd.DataFrame], InMemory]:
        encode = task.encode
        if split == "train" and task.encode_training is not None:
            encode = task.encode_training
        return lambda rows: encode(rows, trained.tokenizer, trained.max_length, trained.known)

    examples = {}
    for split in ("train", "validation"):
        place = folder.path / "tokens" / split
        if split not in folder.about["rows"]:
            continue
        if place.is_dir():
            examples[split] = open_examples(place)
            continue
        rows = read_rows(folder, split)
        examples[split] = write_examples(rows, encoder(split), len(trained.tokenizer), place)
    if task.preview is not None:
        emit(_preview(folder, task, trained, examples["train"]))
    emit(
        DataReady(
            dict(folder.about["rows"]),
            label_counts(read_rows(folder, "train"), folder.about["labels"], task.rows),
            length_report(examples["train"]),
        )
    )
    return examples


def _preview(folder: RunFolder, task: Task, trained: Trained, train: Examples) -> Previewed:
    """Return what is learnt of the first rows, and of the longest where some are cut."""
    import numpy as np

    assert task.preview is not None  # noqa: S101
    rows = read_rows(folder, "train")
    numbers = np.arange(len(train)) if train.rows is None else np.asarray(train.rows)
    is_cut = np.asarray(train.cut)
    longest = [int(numbers[is_cut][train.lengths[is_cut].argmax()])] if is_cut.any() else []
    shown = [*longest, *(row for row in range(len(rows)) if row not in longest)][:PREVIEWED]
    own = rows.iloc[sorted(shown)]
    found = task.preview(own, trained.tokenizer, trained.max_length)
    pieces = tuple(tuple((kind, _middle_out(text)) for kind, text in row) for row in found)
    return Previewed(tuple(map(int, own["row"])), pieces)


def _middle_out(text: str) -> str:
    """Leave the middle of a long text out.

    Examples
    --------
    >>> len(_middle_out("a" * 9000))
    241
    """
    return text if len(text) <= 2 * HALF else f"{text[:HALF]}…{text[-HALF:]}"


def _beside(
    folder: RunFolder, recipe: Recipe, trained: Trained, split: str, emit: Emit
) -> Examples:
    """Return the examples of a split with what the model says of them before it is trained.

    It is asked once: a second model need not be kept, nor an adapter be switched off and on.
    """
    from nbtune.data.encoding import open_examples, write_beside
    from nbtune.engine.inference import predict_logits

    place, task = folder.path / "tokens" / split, task_of(recipe)
    examples = open_examples(place)
    if examples.beside is not None or task.reference is None:
        return examples

    def progress(done: int, total: int) -> None:
        emit(EvaluationProgress(split, done, total))

    emit(PhaseStarted("asking the model before training"))
    with asking(trained, recipe) as forward:
        kept = predict_logits(forward, examples, trained.tokenizer.pad_token_id, progress)
    return write_beside(place, task.reference(kept))


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
    counted = ParameterTable.from_json((folder.path / PARAMETERS).read_text(encoding="utf-8"))
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
        source_rows=lambda own: source_rows(folder, _rows_of(train, own)),
        fresh=lambda: moving_tensors(_new_model(folder, recipe, trained.tokenizer)[0]),
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


def _score_baselines(folder: RunFolder, recipe: Recipe, known: Known, emit: Emit) -> None:
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


def _score_start(
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


def _score_best(
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
    emit(outcome.stopped)
    return outcome
