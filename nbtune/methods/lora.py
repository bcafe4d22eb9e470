"""Low-rank adapters beside frozen layers (Hu et al. 2021), through PEFT."""

from __future__ import annotations

import re
from typing import Any

import peft
import torch

from nbtune.errors import RecipeError, did_you_mean
from nbtune.methods import Method, head_modules
from nbtune.models.loading import quiet
from nbtune.recipe import Recipe


def apply(model: Any, recipe: Recipe) -> Any:
    """Wrap the model in adapters; the head is trained whole and saved with them.

    Raises
    ------
    RecipeError
        When a target module is not in the model.
    """
    head = head_modules(model)
    lora = recipe.lora
    targets = _targets(model, head, lora.target_modules)
    with quiet():
        return peft.get_peft_model(
            model,
            peft.LoraConfig(
                task_type=peft.TaskType.SEQ_CLS,
                r=lora.r,
                lora_alpha=lora.lora_alpha,
                lora_dropout=lora.lora_dropout,
                target_modules="(?:" + "|".join(map(re.escape, targets)) + ")",
                modules_to_save=head,
                use_rslora=lora.use_rslora,
                use_dora=lora.use_dora,
                fan_in_fan_out=all(map(_is_transposed, targets.values())),
            ),
        )


def _targets(model: Any, head: list[str], wanted: str | tuple[str, ...]) -> dict[str, Any]:
    """Return the layers below the head that get an adapter, by their full names."""
    inner = {
        name: layer
        for name, layer in model.named_modules()
        if (isinstance(layer, torch.nn.Linear) or _is_transposed(layer))
        and not any(f"{name}.".startswith(f"{part}.") for part in head)
    }
    if wanted == "all-linear":
        return inner
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    ends = {end: [name for name in inner if f".{name}".endswith(f".{end}")] for end in names}
    if unknown := [end for end, found in ends.items() if not found]:
        known = sorted({name.rpartition(".")[2] for name in inner})
        raise RecipeError(
            f"lora.target_modules: the model has no layer {', '.join(map(repr, unknown))}",
            hint=did_you_mean(unknown[0], known),
        )
    return {name: inner[name] for found in ends.values() for name in found}


def _is_transposed(layer: Any) -> bool:
    """Whether a layer is GPT-2's kind of linear layer, whose weight lies the other way."""
    return type(layer).__name__ == "Conv1D"


METHOD = Method("lora", "small adapters and the head are trained", apply, learning_rate=5e-4)
