"""A mean of the weights over the steps, which is scored and kept in their place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nbtune.recipe import Recipe

AVERAGE = "average.safetensors"


def share_of(recipe: Recipe, step: int, total_steps: int) -> float | None:
    """Return the share that the weights after a step get in the mean; None for no mean yet.

    With ``ema_decay`` early steps are forgotten sooner, so that a short run is not held back by
    its start (as TensorFlow's ``ExponentialMovingAverage`` does). From ``swa_start`` on all
    steps count the same (Izmailov et al. 2018).

    Examples
    --------
    >>> [share_of(Recipe(swa_start=2), step, 9) for step in range(1, 5)]
    [None, 1.0, 0.5, 0.3333333333333333]
    """
    if recipe.ema_decay is not None:
        return 1 - min(recipe.ema_decay, (1 + step) / (10 + step))
    if recipe.swa_start is None:
        return None
    start = recipe.swa_start
    first = math.ceil(start * total_steps) if start < 1 else int(start)
    return 1 / (step - first + 1) if step >= first else None


class Average:
    """The mean of a model's trained weights; without one, everything here does nothing."""

    def __init__(self, model: Any) -> None:
        self.weights = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.means: dict[str, Tensor] = {}

    def add(self, share: float | None) -> None:
        """Take the weights as they are into the mean; nobody waits for the device."""
        if share is None:
            self.means = {}  # also where a run was made longer, and its mean begins anew
            return
        weights = [weight.detach() for weight in self.weights.values()]
        if not self.means:
            self.means = {n: w.clone() for n, w in zip(self.weights, weights, strict=True)}
        else:
            torch._foreach_lerp_(list(self.means.values()), weights, share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the mean in the model inside this block, and its own weights afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def keep(self) -> None:
        """Leave the mean in the model for good."""
        self._swap()
        self.means = {}

    def save(self, folder: Path) -> None:
        """Write the mean, if there is one."""
        if self.means:
            save_file({n: m.contiguous() for n, m in self.means.items()}, folder / AVERAGE)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; where it wrote nothing there is no mean."""
        file = folder / AVERAGE
        saved = load_file(file) if file.is_file() else {}
        own = self.weights.items() if saved else ()  # in the order of the weights, for `add`
        self.means = {name: saved[name].to(weight.device) for name, weight in own}

    def _swap(self) -> None:
        for name, mean in self.means.items():
            weight = self.weights[name]
            weight.data, mean.data = mean.data, weight.data
