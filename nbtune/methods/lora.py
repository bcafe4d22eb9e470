"""Low-rank adapters beside frozen layers (Hu et al. 2021), through PEFT."""

from __future__ import annotations

import math
from typing import Any

from nbtune.methods import Method
from nbtune.methods.adapters import (
    add_adapter,
    is_transposed,
    linear_layers,
    named,
    needs_peft,
    pattern,
)
from nbtune.models.marking import marks_of
from nbtune.recipe import Recipe


def apply(model: Any, recipe: Recipe) -> Any:
    """Wrap the model in adapters; the head is trained whole and saved with them.

    Raises
    ------
    RecipeError
        When a target module is not in the model.
    """
    lora, layers = recipe.lora, targets(model, recipe)
    return add_adapter(
        model,
        "LoraConfig",
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=pattern(layers),
        use_rslora=lora.use_rslora,
        use_dora=lora.use_dora,
        fan_in_fan_out=all(map(is_transposed, layers.values())),
        **_new_words(model, recipe),
    )


def _new_words(model: Any, recipe: Recipe) -> dict[str, Any]:
    """Have the rows of marks trained, of all the words of the table."""
    if recipe.freeze is not None or not (marks := marks_of(model)):
        return {}
    table = model.get_input_embeddings()
    path = next(name for name, part in model.named_modules() if part is table)
    return {"trainable_token_indices": {path.rpartition(".")[2]: marks}}


def targets(model: Any, recipe: Recipe) -> dict[str, Any]:
    """Return the layers that get adapters, by their full names.

    Raises
    ------
    RecipeError
        When a target module is not in the model.
    """
    layers, wanted = linear_layers(model, recipe), recipe.lora.target_modules
    if wanted == "all-linear":
        return layers
    return {name: layers[name] for name in named(layers, wanted, "lora.target_modules")}


def rate_scale(name: str, recipe: Recipe) -> float:
    """Return what the rate of a weight is multiplied by: LoRA+ (Hayou et al. 2024) for B."""
    return recipe.lora.loraplus_lr_ratio if ".lora_B." in name else 1.0


def usual_scale(recipe: Recipe) -> float:
    """Return what the usual rate is multiplied by, so that A and B have it in the geometric mean.

    With MiniLM, 300 topics and a ratio of 16 the usual rate for A ends near chance, a quarter of
    it at a weighted F1 of 0.76, and a sixteenth at 0.52.
    """
    return 1 / math.sqrt(recipe.lora.loraplus_lr_ratio)


METHOD = Method(
    "lora",
    "small adapters and the head are trained",
    apply,
    learning_rate=5e-4,
    check=needs_peft,
    check_layers=targets,
    rate_scale=rate_scale,
    usual_scale=usual_scale,
)
