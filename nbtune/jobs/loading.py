"""The model of a run as training begins with it, and its rows as examples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbtune.events import Emit, Notice, PhaseStarted
from nbtune.jobs.examples import asked_before, tokenise
from nbtune.jobs.folders import PARAMETERS, known_of, read_rows, source_of
from nbtune.jobs.preparation import Prepare, prepare, telling
from nbtune.jobs.trained import Trained, head_of, load_words, longest_row, quantized
from nbtune.methods import find_method
from nbtune.models.sources import ModelSource
from nbtune.recipe import Recipe
from nbtune.runs import RunFolder
from nbtune.runs.files import staged, write_text
from nbtune.tasks import task_of

if TYPE_CHECKING:
    from nbtune.data.encoding import Examples
    from nbtune.models.loading import LoadedModel


def load(
    folder: RunFolder, recipe: Recipe, emit: Emit, prepare: Prepare = prepare
) -> tuple[Trained, dict[str, Examples]]:
    """Load the model as training begins with it, and tokenise the rows of each split.

    Parameters
    ----------
    prepare : callable
        What the method trains before the loop.
    """
    from nbtune.methods.counting import count_parameters
    from nbtune.models.loading import quiet

    emit(PhaseStarted("loading model"))
    source, method = source_of(folder, recipe), find_method(recipe.method)
    method.check(recipe)
    tokenizer = _tokenizer(folder, source, recipe)
    with telling(folder, method, recipe, emit):
        model, loaded = new_model(folder, recipe, tokenizer, prepare)
    for text in loaded.notices:
        emit(Notice(text))
    max_length = longest_row(loaded, method, recipe)
    if max_length < recipe.max_length:
        emit(Notice(f"max_length is {max_length}: {source.name} takes no longer rows"))
    write_text(folder.path / PARAMETERS, count_parameters(model).to_json())
    if recipe.gradient_checkpointing:
        with quiet():
            model.gradient_checkpointing_enable({"use_reentrant": False})
    task = task_of(recipe)
    emit(PhaseStarted("reading images" if task.reads == "images" else "tokenising"))
    known = replace(known_of(folder), tokenizer=tokenizer)
    trained = Trained(model, tokenizer, max_length, known)
    examples = tokenise(folder, task, trained, emit)
    if task.reference is not None:
        examples = {k: asked_before(folder, recipe, trained, k, emit) for k in examples}
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
    model, loaded = new_model(folder, recipe, tokenizer)
    known = replace(known_of(folder), tokenizer=tokenizer)
    longest = longest_row(loaded, find_method(recipe.method), recipe)
    return Trained(model.eval(), tokenizer, longest, known)


def new_model(
    folder: RunFolder, recipe: Recipe, tokenizer: Any, prepare: Prepare = prepare
) -> tuple[Any, LoadedModel]:
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
        task.prepare(loaded.model, tokenizer)
    model = method.apply(loaded.model, recipe)
    freeze(model, recipe)
    prepare(folder, recipe, model, loaded)
    return model, loaded


def _tokenizer(folder: RunFolder, source: ModelSource, recipe: Recipe) -> Any:
    from nbtune.data.marks import add_marks

    saved, task = folder.path / "tokenizer", task_of(recipe)
    if saved.is_dir():
        return load_words(ModelSource(source.name, "local", str(saved)), task)
    rows = read_rows(folder, "train") if source.kind == "scratch" else None
    tokenizer = load_words(source, task, rows, recipe.revision)
    if task.dress is not None:
        task.dress(tokenizer)
    add_marks(tokenizer, task.marks)
    with staged(saved) as place:
        tokenizer.save_pretrained(place)
    return tokenizer
