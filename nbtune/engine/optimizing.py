"""The optimiser, and the course of its learning rate."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import Parameter

from nbtune.methods import head_modules
from nbtune.models.layers import layer_depths, unwrapped
from nbtune.recipe import Recipe


def make_optimizer(model: Any, recipe: Recipe, learning_rate: float) -> torch.optim.Optimizer:
    """Make the recipe's optimiser over the parameter groups of the model."""
    groups = parameter_groups(model, recipe, learning_rate)
    if recipe.optim == "sgd":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(groups, lr=learning_rate, momentum=0.9)
    else:
        optimizer = torch.optim.AdamW(
            groups,
            lr=learning_rate,
            betas=(recipe.adam_beta1, recipe.adam_beta2),
            eps=recipe.adam_epsilon,
            fused=recipe.optim == "adamw_torch_fused",
        )
    set_rate(optimizer, learning_rate)
    return optimizer


def parameter_groups(model: Any, recipe: Recipe, learning_rate: float) -> list[dict[str, Any]]:
    """Put trained weights of the same rate and decay together, those that are decayed first.

    Biases and norms are not decayed, as in ``Trainer``. ``lr_scale`` is what `set_rate`
    multiplies the rate of the step by. Checkpoints count the weights in this order.
    """
    scales = rate_scales(model, recipe, learning_rate)
    groups: dict[tuple[bool, float], list[Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            decayed = weight.ndim >= 2 and "norm" not in name.lower()
            groups.setdefault((decayed, scales.get(weight, 1.0)), []).append(weight)
    return [
        {
            "params": groups[decayed, scale],
            "weight_decay": recipe.weight_decay if decayed else 0.0,
            "lr_scale": scale,
        }
        for decayed, scale in sorted(groups, reverse=True)
    ]


def rate_scales(model: Any, recipe: Recipe, learning_rate: float) -> dict[Parameter, float]:
    """Return what the rate is multiplied by for each weight; those left out have 1.

    ``layerwise_lr_decay`` gives the top layer that share of the rate, each layer below that
    share of the one above it, and the embeddings the least (Howard and Ruder 2018, section 3.2).
    ``head_learning_rate`` is the head's own rate.
    """
    decay, head_rate = recipe.layerwise_lr_decay, recipe.head_learning_rate
    if decay == 1 and head_rate is None:
        return {}
    depths = layer_depths(model, head_modules(unwrapped(model)))
    top = max(depths.values())
    head = 1.0 if head_rate is None else head_rate / learning_rate
    return {w: head if depth == top else decay ** (top - depth) for w, depth in depths.items()}


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
    """Set the learning rate of all groups, each by its own scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]
