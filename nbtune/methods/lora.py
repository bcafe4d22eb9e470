"""Low-rank adapters beside frozen layers (Hu et al. 2021), through PEFT."""

from __future__ import annotations

import re
from typing import Any

import peft
import torch

from nbtune.errors import RecipeError, did_you_mean
from nbtune.methods import Method, head_modules
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
    return peft.get_peft_model(
        model,
        peft.LoraConfig(
            task_type=peft.TaskType.SEQ_CLS,
            r=lora.r,
            lora_alpha=lora.lora_alpha,  # type: ignore[arg-type]
            lora_dropout=lora.lora_dropout,
            target_modules=_targets(model, head, lora.target_modules),
            modules_to_save=head,
            use_rslora=lora.use_rslora,
            use_dora=lora.use_dora,
        ),
    )


def _targets(model: Any, head: list[str], wanted: str | tuple[str, ...]) -> list[str] | str:
    inner = {
        name
        for name, module in model.named_modules()
        if name.split(".")[0] not in head and _adaptable(module)
    }
    endings = {name.rpartition(".")[2] for name in inner}
    if wanted == "all-linear":
        return "(?:" + "|".join(re.escape(name) for name in sorted(inner)) + ")"
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if unknown := [n for n in names if not any(i == n or i.endswith(f".{n}") for i in inner)]:
        raise RecipeError(
            f"lora.target_modules: the model has no layer {unknown[0]!r}",
            hint=did_you_mean(unknown[0], sorted(endings)),
        )
    return names


def _adaptable(module: Any) -> bool:
    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"


METHOD = Method("lora", "small adapters and the head are trained", apply, learning_rate=5e-4)
