"""What a method trains before the loop, once a run: it is kept beside the run and read again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbtune.events import Emit, Notice, PhaseStarted
from nbtune.jobs.folders import known_of, read_rows
from nbtune.jobs.trained import longest_row
from nbtune.methods import Method, find_method
from nbtune.recipe import Recipe
from nbtune.runs import RunFolder
from nbtune.runs.files import staged
from nbtune.tasks import task_of

if TYPE_CHECKING:
    from nbtune.models.loading import LoadedModel

FOLDER, WEIGHTS = "prepared", "model.safetensors"
TRIED = 64
"""Rows that are enough to see what preparing takes."""
Prepare = Callable[[RunFolder, Recipe, Any, "LoadedModel"], None]


@contextmanager
def telling(folder: RunFolder, method: Method, recipe: Recipe, emit: Emit) -> Iterator[None]:
    """Say what the method trains inside this block, if it does, and how long that took."""
    if method.preparing is None or (folder.path / FOLDER).is_dir():
        yield
        return
    about = folder.about
    phase, warning = method.preparing(about["rows"]["train"], len(about["labels"]), recipe)
    if warning:
        emit(Notice(warning, "warning"))
    emit(PhaseStarted(phase))
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    emit(Notice(f"{phase}: {took:,.0f} s, before the steps that the card counts"))


class Trial:
    """What the method trains before the loop, tried on some rows and once over them.

    Attributes
    ----------
    seconds : float
        What all of it will take; 0 where there is nothing.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, folder: RunFolder, recipe: Recipe, model: Any, loaded: LoadedModel) -> None:
        """Train it a little, and see what that takes; the model is changed in place."""
        from nbtune.engine.device import find_device
        from nbtune.jobs.parts import nested_order

        method = find_method(recipe.method)
        if method.prepare is None:
            return
        rows = read_rows(folder, "train")
        labels = [str(label) for label in rows["label"]]
        some = rows.iloc[sorted(nested_order(labels, 0)[: max(TRIED, len(set(labels)))])]
        known = replace(known_of(folder), tokenizer=loaded.tokenizer)
        longest = longest_row(loaded, method, recipe)
        examples = task_of(recipe).encode(some, loaded.tokenizer, longest, known)
        once = recipe.model_copy(update={"contrastive_epochs": 1})
        model.to(find_device())
        method.prepare(model, examples, once, loaded.tokenizer.pad_token_id)  # sets things up
        began = time.monotonic()
        method.prepare(model, examples, once, loaded.tokenizer.pad_token_id)
        model.to("cpu")
        passes = recipe.contrastive_epochs * len(rows) / len(some)
        self.seconds = (time.monotonic() - began) * passes


def prepare(folder: RunFolder, recipe: Recipe, model: Any, loaded: LoadedModel) -> None:
    """Let the method train what the loop does not; the model is changed in place."""
    from safetensors.torch import load_file, save_file

    from nbtune.engine.device import find_device

    place, method = folder.path / FOLDER, find_method(recipe.method)
    if method.prepare is None:
        return
    if not place.is_dir():
        known = replace(known_of(folder), tokenizer=loaded.tokenizer)
        longest, rows = longest_row(loaded, method, recipe), read_rows(folder, "train")
        examples = task_of(recipe).encode(rows, loaded.tokenizer, longest, known)
        model.to(find_device())
        method.prepare(model, examples, recipe, loaded.tokenizer.pad_token_id)
        model.to("cpu")
        with staged(place) as stage:
            save_file(model.state_dict(), stage / WEIGHTS)
    model.load_state_dict(load_file(place / WEIGHTS))
