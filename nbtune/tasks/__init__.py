"""What is learnt: one file a task, named as the Hugging Face pipelines are."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from nbtune.errors import RecipeError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from nbtune.recipe import Recipe


@dataclass(frozen=True)
class Loss:
    """How wrong a batch is, kept as a sum and a count so that micro-batches add up exactly.

    Attributes
    ----------
    sum : callable
        (logits, targets) to the summed loss in nats, a scalar tensor on their device.
    count : callable
        Targets of shape (rows,) to the number the sum is divided by; rows, or their weights.
    """

    sum: Callable[[Tensor, Tensor], Tensor]
    count: Callable[[np.ndarray[Any, Any]], float]


@dataclass(frozen=True)
class Task:
    """What is learnt from which columns, with which head, and how it is judged.

    Attributes
    ----------
    columns : tuple of str
        Roles that a row must fill.
    head : str
        The transformers auto class that puts the head on a model.
    loss : callable
        (recipe, training targets, number of labels) to the loss.
    metrics : tuple of str
        Scores shown while training; the first one picks the best weights.
    views : tuple of str
        Plots that suit the task.
    """

    name: str
    summary: str
    columns: tuple[str, ...]
    head: str
    loss: Callable[[Recipe, np.ndarray[Any, Any], int], Loss]
    metrics: tuple[str, ...]
    views: tuple[str, ...]


BUILTIN = {"text-classification": "nbtune.tasks.text_classification"}


def task_names() -> list[str]:
    """Return the names of all tasks, ours and those of other packages."""
    return [*BUILTIN, *(entry.name for entry in entry_points(group="nbtune.tasks"))]


def find_task(name: str) -> Task:
    """Return a task by name.

    Raises
    ------
    RecipeError
        When there is none of that name.
    """
    if name in BUILTIN:
        return importlib.import_module(BUILTIN[name]).TASK  # type: ignore[no-any-return]
    for entry in entry_points(group="nbtune.tasks"):
        if entry.name == name:
            return entry.load()  # type: ignore[no-any-return]
    raise RecipeError(f"there is no task {name!r}", hint=did_you_mean(name, task_names()))
