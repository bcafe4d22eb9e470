"""Only the biases and the head move (Ben Zaken, Ravfogel and Goldberg 2021)."""

from __future__ import annotations

from typing import Any

from nbtune.errors import RecipeError
from nbtune.methods import Method, head_modules
from nbtune.recipe import Recipe


def apply(model: Any, recipe: Recipe) -> Any:
    """Freeze all but the biases and the head; the model is changed in place.

    Raises
    ------
    RecipeError
        When there is no bias below the head, as in models of Llama's kind.
    """
    model.requires_grad_(False)
    for name in head_modules(model):
        model.get_submodule(name).requires_grad_(True)
    biases = [
        weight
        for name, weight in model.named_parameters()
        if name.rpartition(".")[2] == "bias" and not weight.requires_grad
    ]
    if not biases:
        raise RecipeError(
            f"method bitfit trains biases, and {recipe.model} has none below its head",
            hint="take method: lora, or ia3 for as few weights",
        )
    for weight in biases:
        weight.requires_grad_(True)
    return model


METHOD = Method("bitfit", "the biases and the head are trained", apply, learning_rate=1e-3)
