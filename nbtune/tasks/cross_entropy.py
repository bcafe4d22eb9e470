"""Cross-entropy of a label per row or per word, with what a recipe asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nbtune.data.ragged import IGNORED, Ragged
from nbtune.recipe import Recipe
from nbtune.tasks import Loss

Array = np.ndarray[Any, Any]


def cross_entropy(recipe: Recipe, targets: Any, labels: int) -> Loss:
    """Return the loss, the mean over rows, or over words that have a target.

    Balanced weights are targets / (labels * targets of the label), as in scikit-learn. With a
    ``focal_gamma`` each target counts (1 - p) ** gamma, where p is the probability of its label
    (Lin et al. 2017, section 3.2).

    Parameters
    ----------
    targets : ndarray or Ragged
        Of all training rows, of shape (rows,), or one a token with -100 where there is none.
    """
    weights, gamma = _weights(recipe, targets, labels), recipe.focal_gamma

    def total(logits: Tensor, wanted: Tensor) -> Tensor:
        logits, wanted = logits.float().flatten(0, -2), wanted.flatten()
        found = functional.cross_entropy(
            logits,
            wanted,
            weight=None if weights is None else weights.to(logits.device),
            ignore_index=IGNORED,
            label_smoothing=recipe.label_smoothing_factor,
            reduction="none" if gamma else "sum",
        )
        if not gamma:
            return found
        # Where there is no target the loss is 0 already, whichever label is looked at.
        sure = logits.softmax(1).gather(1, wanted.clamp(min=0)[:, None])[:, 0]
        return ((1 - sure) ** gamma * found).sum()

    def count(wanted: Array) -> float:
        known = wanted[wanted != IGNORED]
        own = float(len(known) if weights is None else weights[known.astype(np.int64)].sum())
        return own or 1.0

    is_by_row = not isinstance(targets, Ragged)
    return Loss(total, count, margin=margins if is_by_row else None)


def margins(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return by how much the label of each row is likelier than any other, from -1 to 1."""
    chances = logits.float().softmax(1)
    own = chances.gather(1, wanted[:, None])
    return own[:, 0] - chances.scatter(1, wanted[:, None], -1.0).amax(1)


def _weights(recipe: Recipe, targets: Any, labels: int) -> Tensor | None:
    if recipe.class_weight is None:
        return None
    if recipe.class_weight != "balanced":
        return torch.tensor(recipe.class_weight, dtype=torch.float32)
    every = np.asarray(targets.flat if isinstance(targets, Ragged) else targets)
    known = every[every != IGNORED]
    counts = np.maximum(np.bincount(known, minlength=labels), 1)
    return torch.tensor(len(known) / (labels * counts), dtype=torch.float32)
