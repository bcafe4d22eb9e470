"""What is learnt: one file a task, named as the Hugging Face pipelines are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbtune.plugins import Plugins

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
        (recipe, training targets, number of labels) to the loss; ``class_weight`` is
        ``balanced``, or a weight for each label in their order.
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

_TASKS: Plugins[Task] = Plugins("task", BUILTIN)
task_names, find_task = _TASKS.names, _TASKS.find
