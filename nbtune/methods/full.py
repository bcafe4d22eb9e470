"""All weights move."""

from __future__ import annotations

from typing import Any

from nbtune.methods import Method
from nbtune.recipe import Recipe


def apply(model: Any, recipe: Recipe) -> Any:
    """Leave every weight free; the model is changed in place."""
    model.requires_grad_(True)
    return model


METHOD = Method("full", "all weights are trained", apply, learning_rate=5e-5, trains=1.0)
