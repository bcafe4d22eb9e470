"""One label per text: news topics, spam, sentiment."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nbtune.recipe import Recipe
from nbtune.tasks import Loss, Task


def loss(recipe: Recipe, targets: np.ndarray[Any, Any], labels: int) -> Loss:
    """Cross-entropy, with what the recipe asks for: weights, smoothing, focus on hard rows.

    Balanced weights are rows / (labels * rows of the label), as in scikit-learn. With a
    ``focal_gamma`` each row counts (1 - p) ** gamma, where p is the probability of its label
    (Lin et al. 2017, section 3.2).
    """
    weights = None
    if recipe.class_weight == "balanced":
        counts = np.maximum(np.bincount(targets, minlength=labels), 1)
        weights = torch.tensor(len(targets) / (labels * counts), dtype=torch.float32)
    elif recipe.class_weight is not None:
        weights = torch.tensor(recipe.class_weight, dtype=torch.float32)
    gamma = recipe.focal_gamma

    def total(logits: Tensor, wanted: Tensor) -> Tensor:
        logits = logits.float()
        found = functional.cross_entropy(
            logits,
            wanted,
            weight=None if weights is None else weights.to(logits.device),
            label_smoothing=recipe.label_smoothing_factor,
            reduction="none" if gamma else "sum",
        )
        if not gamma:
            return found
        sure = logits.softmax(1).gather(1, wanted[:, None])[:, 0]
        return ((1 - sure) ** gamma * found).sum()

    def count(wanted: np.ndarray[Any, Any]) -> float:
        return float(len(wanted) if weights is None else weights[np.array(wanted)].sum())

    return Loss(total, count)


TASK = Task(
    name="text-classification",
    summary="one label per text",
    columns=("text", "label"),
    head="AutoModelForSequenceClassification",
    loss=loss,
    metrics=("f1_macro", "accuracy", "roc_auc"),
    views=("confusion", "roc", "pr"),
)
