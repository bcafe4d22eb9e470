"""Tasks that learn a language from files larger than memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from nbtune.data.batches import InMemory
from nbtune.data.stretches import STRETCH, stretched
from nbtune.recipe import Recipe
from nbtune.tasks import Known, Task

HELD_OUT = 50
"""Stretches that are kept apart where nothing is said: 800 kB, which is judged at every look."""


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


def few_held_out(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return how many stretches are kept apart, where nothing is said: few of many are enough."""
    if STRETCH not in frame:
        return {}
    given = recipe.model_fields_set
    sizes = ("validation_size", "test_size")
    return {
        name: float(HELD_OUT) for name in sizes if name not in given and len(frame) > 10 * HELD_OUT
    }
