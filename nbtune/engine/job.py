"""What training needs, already loaded and checked, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from nbtune.data.batches import Encoded, Indices
from nbtune.engine.state import adapter_scales, frozen_fingerprint
from nbtune.engine.stepping import Forward
from nbtune.events import RunStarted, RunStopped
from nbtune.methods.freezing import Waiting, nothing_waits
from nbtune.recipe import Recipe
from nbtune.tasks import Loss


@dataclass(frozen=True)
class Job:
    """All that training needs, already loaded and checked.

    Attributes
    ----------
    read : callable
        What `nbtune.engine.inference.predict_logits` gave for the validation rows to predictions;
        the model is there with the weights that are scored, and may be asked for more.
    score : callable
        Predictions to scores by name.
    glance : callable
        Predictions to what else is told of an evaluation, as fields of `Evaluated`.
    metric : str
        The score that picks the best weights; ``loss`` for the validation loss.
    start : RunStarted
        What the run is, as far as it is known before the first step.
    states : Path or None
        Folder for what frozen layers say about the rows; None runs them in every step.
    waiting : callable
        (epochs done) to the weights that wait for their turn, of those that are trained.
    source_rows : callable
        Which rows of the user's data some training rows are.
    fresh : callable
        Makes the weights that training begins with once more, by name.
    stands_for : float
        How many rows each training row stands for, where they are a sample that tells what all of
        them would take.
    """

    forward: Forward
    train: Encoded
    validation: Encoded | None
    recipe: Recipe
    learning_rate: float
    loss: Loss
    score: Callable[[Any], dict[str, float]]
    metric: str
    pad_id: int
    start: RunStarted
    states: Path | None = None
    waiting: Waiting = nothing_waits
    read: Callable[[Any], Any] = lambda logits: logits
    glance: Callable[[Any], Mapping[str, Any]] = lambda said: {}
    source_rows: Callable[[Indices], Sequence[int]] = Indices.tolist
    fresh: Callable[[], Mapping[str, Tensor]] | None = None
    stands_for: float = 1.0

    @property
    def made_for(self) -> dict[str, Any]:
        """What a checkpoint must have been made for to fit: the same state, the same rows."""
        recipe = self.recipe
        own = {"method": recipe.method, "optim": recipe.optim, "seed": recipe.seed}
        rows = {"rows": len(self.train.targets), "rows_per_step": self.rows_per_step}
        return own | rows | self._base

    @cached_property
    def _base(self) -> dict[str, str]:
        """What the weights that are trained stand on, looked at once."""
        model = self.forward.model
        return {
            "frozen weights": frozen_fingerprint(model),
            "scale of adapters": adapter_scales(model),
        }

    @property
    def rows_per_step(self) -> int:
        """Rows of one optimiser step."""
        return self.recipe.per_device_train_batch_size * self.recipe.gradient_accumulation_steps

    @property
    def rows(self) -> int:
        """Training rows, those that others stand for included."""
        return round(self.stands_for * len(self.train.targets))

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps until every row was seen once."""
        return -(-self.rows // self.rows_per_step)

    @property
    def sees_rows_again(self) -> bool:
        """Whether rows are seen often enough that running frozen layers ahead pays."""
        return self.total_steps * self.rows_per_step >= 1.5 * self.rows

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.recipe.max_steps or max(
            1, math.ceil(self.recipe.num_train_epochs * self.steps_per_epoch)
        )


@dataclass(frozen=True)
class Outcome:
    """How training ended; ``failure`` is the error that ended it, if one did.

    ``stopped`` is still to be emitted, once the weights are where they belong; ``margins`` say by
    how much each training row was told right while it was learnt.
    """

    stopped: RunStopped
    failure: Exception | None = None
    margins: np.ndarray[Any, Any] | None = None
