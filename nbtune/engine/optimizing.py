"""The optimiser, and the course of its learning rate."""

from __future__ import annotations

import math
from typing import Any

import torch

from nbtune.recipe import Recipe


def make_optimizer(model: Any, recipe: Recipe, learning_rate: float) -> torch.optim.Optimizer:
    """Make the recipe's optimiser; biases and norms are not decayed, as in ``Trainer``."""
    decayed: list[torch.nn.Parameter] = []
    plain: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            one_dimensional = parameter.ndim < 2 or "norm" in name.lower()
            (plain if one_dimensional else decayed).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optim == "sgd":
        return torch.optim.SGD(groups, lr=learning_rate, momentum=0.9)
    return torch.optim.AdamW(
        groups,
        lr=learning_rate,
        betas=(recipe.adam_beta1, recipe.adam_beta2),
        eps=recipe.adam_epsilon,
        fused=recipe.optim == "adamw_torch_fused",
    )


def warmup_steps(recipe: Recipe, total_steps: int) -> int:
    """Return the steps with a rising rate; a share of all steps is rounded up."""
    if recipe.warmup_steps < 1:
        return math.ceil(total_steps * recipe.warmup_steps)
    return int(recipe.warmup_steps)


def rate_factor(kind: str, step: int, total_steps: int, warmup: int) -> float:
    """Return what the highest rate is multiplied by at a step, from 0, as ``Trainer`` does.

    Examples
    --------
    >>> [rate_factor("linear", step, 6, 2) for step in range(6)]
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.25]
    """
    if step < warmup:
        return step / warmup
    if kind == "constant":
        return 1.0
    progress = (step - warmup) / max(1, total_steps - warmup)
    if kind == "cosine":
        return max(0.0, 0.5 * (1 + math.cos(math.pi * progress)))
    return max(0.0, 1 - progress)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate
