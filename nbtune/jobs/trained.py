"""Trained models: saved to the folder of their run, loaded from it, and asked about texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.errors import RecipeError, RunError
from nbtune.jobs.folders import settled_of, source_of, write_known
from nbtune.methods import Method, find_method
from nbtune.models.sources import ModelSource
from nbtune.recipe import Recipe, from_yaml
from nbtune.runs import RunFolder
from nbtune.runs.files import staged, write_text
from nbtune.tasks import Known, Predictions, Request, Task, task_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from nbtune.engine.stepping import Forward
    from nbtune.models.loading import LoadedModel
    from nbtune.models.packing import Packer

SHORTEST = 8
"""Fewer tokens than this hold no text."""


@dataclass(frozen=True)
class Trained:
    """A model in memory with its tokenizer and the longest row it takes, in tokens.

    ``known`` is what was known of its data, beside the weights.
    """

    model: Any
    tokenizer: Any
    max_length: int
    known: Known


def head_of(recipe: Recipe) -> dict[str, Any]:
    """Return which head the task of a recipe wants, as `nbtune.models.loading.load_model` asks."""
    task = task_of(recipe)
    return {
        "head": task.head,
        "outputs": task.outputs,
        "problem_type": recipe.problem_type,
        "marks": task.marks,
    }


def quantized(method: Method, recipe: Recipe) -> Callable[[Any], Any] | None:
    """Return how the recipe wants weights loaded in fewer bits, as a function of the model."""
    quantize = method.quantize
    return None if quantize is None else lambda model: quantize(model, recipe)


def hidden_size(model: Any) -> int | None:
    """Return the width of a model, whatever its configuration calls it."""
    width = getattr(model.config, "hidden_size", None)
    return width if isinstance(width, int) else None


def longest_row(loaded: LoadedModel, method: Method, recipe: Recipe) -> int:
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


def load_words(
    source: ModelSource, task: Task, rows: pd.DataFrame | None = None, revision: str | None = None
) -> Any:
    """Load what makes rows into numbers: a tokenizer, of images a `Processor`.

    Parameters
    ----------
    rows : DataFrame, optional
        The training rows: for a model that starts from nothing it is made for them.
    """
    from nbtune.models.loading import load_reader, load_tokenizer

    if task.reads == "images":
        given = {role: [] if rows is None else list(rows[role]) for role in task.rows.inputs}
        return load_reader(source, given["image"], given.get("text"), revision)
    texts = [] if rows is None else task.rows.texts(rows)
    return load_tokenizer(source, texts, revision, task.reads)


def save_trained(trained: Trained, folder: Path, recipe: Recipe) -> None:
    """Write model and tokenizer to a folder as ``from_pretrained`` reads them.

    What turns the logits into answers lies beside them.
    """
    from nbtune.models.loading import quiet

    with quiet(), staged(folder) as place:
        # Words are those of the model below; marks are taught anew where an adapter is loaded.
        has_adapter = hasattr(trained.model, "peft_config")
        trained.model.save_pretrained(
            place, **({"save_embedding_layers": False} if has_adapter else {})
        )
        trained.tokenizer.save_pretrained(place)
        is_whole = not (place / "adapter_config.json").is_file()
        if (beside := task_of(recipe).beside) is not None and is_whole:
            for name, values in beside(trained.model).items():
                (place / name).parent.mkdir(exist_ok=True)
                write_text(place / name, json.dumps(values))
        write_known(place, recipe, trained.known)


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
    from nbtune.models.loading import load_model, quiet

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
    tokenizer = load_words(saved, task_of(recipe))
    loaded = load_model(
        source_of(folder, recipe) if adapter else saved,
        tokenizer,
        folder.about["labels"],
        **head_of(recipe),
        revision=recipe.revision if adapter else None,
        quantize=quantized(method, recipe) if adapter else None,
    )
    model = loaded.model
    if adapter and (prepare := task_of(recipe).prepare) is not None:
        prepare(model, tokenizer)
    if dequantize and getattr(model, "is_quantized", False):
        with quiet():
            model = model.dequantize()
    if adapter:
        model = method.load(model, folder.model_path, recipe)
    known = replace(settled_of(folder), tokenizer=tokenizer)
    return Trained(model.eval(), tokenizer, longest_row(loaded, method, recipe), known)


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


def ask(
    trained: Trained,
    recipe: Recipe,
    rows: pd.DataFrame,
    progress: Callable[[int, int], None] | None = None,
    *,
    most_written: int | None = None,
) -> Predictions:
    """Return what the model predicts for rows, as the task of the recipe reads it.

    Parameters
    ----------
    most_written : int, optional
        For so many rows at most does a model write, where the task wants that; None for as many as
        are needed to judge it.
    """
    from nbtune.engine.inference import predict_logits

    task, known = task_of(recipe), trained.known
    examples: Any = task.encode(rows, trained.tokenizer, trained.max_length, known)
    if task.shown is not None:
        examples = task.shown(examples, known, recipe, False)
    told = progress and _by_rows(progress, len(examples), len(rows))
    with asking(trained, recipe) as forward:
        logits = predict_logits(forward, examples, trained.tokenizer.pad_token_id, told)
        said = task.read(logits, rows, examples, known)
        return with_texts(said, trained, task, rows, forward.packer, most_written, progress)


def _by_rows(
    progress: Callable[[int, int], None], examples: int, rows: int
) -> Callable[[int, int], None]:
    """Return the progress of examples as that of the rows that they are parts of."""
    return lambda done, _: progress(done * rows // max(1, examples), rows)


@contextmanager
def asking(trained: Trained, recipe: Recipe) -> Iterator[Forward]:
    """Have a model ready to be asked inside this block, as the recipe wants it."""
    from nbtune.engine.device import find_device
    from nbtune.engine.precision import choose_precision
    from nbtune.engine.stepping import Forward
    from nbtune.models.modes import own_modes
    from nbtune.models.packing import packing
    from nbtune.models.probing import find_packer

    device = find_device()
    model = trained.model.to(device)
    packer = find_packer(model) if recipe.batching == "packed" else None
    precision = choose_precision(recipe.precision, device, hidden_size(model))
    forward = Forward(model, device, precision, packer, keep=task_of(recipe).keep)
    with own_modes(device), packing(model, packer):
        yield forward


def with_texts(
    said: Predictions,
    trained: Trained,
    task: Task,
    rows: pd.DataFrame,
    packer: Packer | None,
    most: int | None,
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Return predictions with what the model writes, for tasks that want that; see `ask`."""
    from nbtune.engine.stepping import evaluating
    from nbtune.models.packing import unpacked

    if task.write is None:
        return said
    model, longest = trained.model, trained.max_length
    with evaluating(model), unpacked(packer):
        return task.write(model, rows, said, trained.known, longest, most, progress)


def embed(
    trained: Trained, texts: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> np.ndarray[Any, Any]:
    """Return the vectors of texts, of shape (texts, width); see `nbtune.engine.embedding.embed`."""
    from nbtune.engine.embedding import embed
    from nbtune.models.heads import pooling_in
    from nbtune.models.sentences import SentenceEncoder

    model, tokenizer = trained.model.eval(), trained.tokenizer
    own = SentenceEncoder("", model, tokenizer, trained.max_length, pooling_in(model))
    return embed(own, texts, progress)


def respond(
    trained: Trained,
    recipe: Recipe,
    rows: pd.DataFrame,
    request: Request,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return what the model fills into rows, or how it goes on with them, as ``%predict`` shows it.

    Random numbers of the caller are afterwards where they were before.
    """
    from nbtune.engine.determinism import own_randomness
    from nbtune.engine.device import find_device
    from nbtune.models.modes import own_modes

    task, device = task_of(recipe), find_device()
    assert task.respond is not None  # noqa: S101
    model = trained.model.to(device).eval()
    with own_modes(device), own_randomness(device):
        return task.respond(model, rows, trained.known, trained.max_length, request, progress)
