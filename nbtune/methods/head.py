"""Only the head moves: quick, small, and as good as the frozen model's features."""

from __future__ import annotations

import math
from typing import Any

from nbtune.errors import ModelError
from nbtune.methods import Method, head_modules
from nbtune.models.pooled import PooledForSequenceClassification
from nbtune.models.sentences import pooling_beside
from nbtune.recipe import Recipe


def apply(model: Any, recipe: Recipe) -> Any:
    """Freeze all but the head; the model is changed in place.

    A sentence encoder gets a head on the vector that it was made to give of a text.
    """
    if (pooling := _pooling(model, recipe)) is not None:
        # So long that its numbers are about 1, as those of other heads' inputs.
        model = PooledForSequenceClassification.of(
            model, pooling, math.sqrt(model.config.hidden_size)
        )
    model.requires_grad_(False)
    for name in head_modules(model):
        model.get_submodule(name).requires_grad_(True)
    return model


def _pooling(model: Any, recipe: Recipe) -> str | None:
    """Return how a sentence encoder pools, where a label is learnt of a single text."""
    own = type(model).__name__.endswith("ForSequenceClassification")
    if recipe.task != "text-classification" or recipe.text_pair is not None or not own:
        return None
    try:
        return pooling_beside(model)
    except ModelError:  # it pools in a way of its own: its head is as good as any other
        return None


METHOD = Method("head", "only the head is trained", apply, learning_rate=1e-3)
