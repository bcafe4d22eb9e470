"""Tasks that learn a language from files larger than memory."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from nbtune.data.batches import InMemory
from nbtune.data.stretches import LENGTH, SAMPLED, STRETCH, stretched
from nbtune.recipe import Recipe
from nbtune.tasks import Known, Task

HELD_OUT = 50
"""Stretches that are kept apart where nothing is said: 800 kB, which is judged at every look."""
MARGIN, _LETTERS = 4, 4
"""Stretches that are read for each that steps take, and the letters of a token."""


def streamed(task: Task, recipe: Recipe) -> Task:
    """Return a task whose training rows lie in files until they are tokenised."""
    rows = stretched(recipe)
    opened, encode, preview = rows.opened, task.encode_training, task.preview
    assert opened is not None and encode is not None  # noqa: S101, PT018

    def encode_training(
        some: pd.DataFrame, tokenizer: Any, max_length: int, known: Known
    ) -> InMemory:
        return encode(opened(some), tokenizer, max_length, known)

    return replace(
        task,
        rows=rows,
        encode_training=encode_training,
        preview=preview and (lambda some, *about: preview(opened(some), *about)),
    )


def few_of_many(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return how many stretches are kept apart and read, where nothing is said: few are enough.

    Where steps are counted, so many are read as these take, and some more, as tokens can be long;
    never fewer than those that a tokenizer is trained on.
    """
    if STRETCH not in frame:
        return {}
    found: dict[str, Any] = {}
    if len(frame) > 10 * HELD_OUT:
        found = {"validation_size": float(HELD_OUT), "test_size": float(HELD_OUT)}
    if recipe.max_steps is not None:
        rows = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps
        letters = recipe.max_steps * rows * recipe.max_length * _LETTERS
        enough = max(SAMPLED, math.ceil(MARGIN * letters / LENGTH))
        if enough < len(frame):
            found["max_train_samples"] = enough
    return {name: value for name, value in found.items() if name not in recipe.model_fields_set}
