"""Only the head moves: quick, small, and as good as the frozen model's features."""

from __future__ import annotations

from typing import Any

from nbtune.methods import Method, head_modules
from nbtune.recipe import Recipe


def apply(model: Any, recipe: Recipe) -> Any:
    """Freeze all but the head; the model is changed in place."""
    model.requires_grad_(False)
    for name in head_modules(model):
        model.get_submodule(name).requires_grad_(True)
    return model


METHOD = Method("head", "only the head is trained", apply, learning_rate=1e-3)
