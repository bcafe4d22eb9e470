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
    """Cross-entropy, with label smoothing and class weights where the recipe asks for them.

    Balanced weights are rows / (labels * rows of the label), as in scikit-learn.
    """
    weights = None
    if recipe.class_weight == "balanced":
        counts = np.maximum(np.bincount(targets, minlength=labels), 1)
        weights = torch.tensor(len(targets) / (labels * counts), dtype=torch.float32)

    def total(logits: Tensor, wanted: Tensor) -> Tensor:
        return functional.cross_entropy(
            logits.float(),
            wanted,
            weight=None if weights is None else weights.to(logits.device),
            label_smoothing=recipe.label_smoothing_factor,
            reduction="sum",
        )

    def count(wanted: np.ndarray[Any, Any]) -> float:
        return float(len(wanted) if weights is None else weights[wanted].sum())

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
