"""The optimiser, and the course of its learning rate."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from nbtune.engine.lion import Lion
from nbtune.engine.muon import Muon
from nbtune.methods import find_method, head_modules
from nbtune.models.layers import layer_depths, unwrapped
from nbtune.recipe import Recipe
from nbtune.recipe.schedules import At, rate_factor
from nbtune.records import LOWER_IS_BETTER

if TYPE_CHECKING:
    from nbtune.engine.job import Job
    from nbtune.engine.state import Progress

_NOT_DECAYED = re.compile(r"norm|ia3_l")


def make_optimizer(model: Any, recipe: Recipe, learning_rate: float) -> Optimizer:
    """Make the recipe's optimiser over the parameter groups of the model."""
    groups = parameter_groups(model, recipe, learning_rate)
    optimizer = OPTIMIZERS[recipe.optim](groups, learning_rate, recipe)
    set_rate(optimizer, learning_rate)
    return optimizer


Make = Callable[[list[dict[str, Any]], float, Recipe], Optimizer]


def _plain(kind: Callable[..., Optimizer], **options: Any) -> Make:
    return lambda groups, rate, recipe: kind(groups, lr=rate, **options)


def _adam(kind: Callable[..., Optimizer], **options: Any) -> Make:
    return lambda groups, rate, recipe: kind(
        groups,
        lr=rate,
        betas=(recipe.adam_beta1, recipe.adam_beta2),
        eps=recipe.adam_epsilon,
        **options,
    )


def _bitsandbytes(groups: list[dict[str, Any]], rate: float, recipe: Recipe) -> Optimizer:
    kind = importlib.import_module("bitsandbytes.optim").AdamW8bit
    return _adam(kind)(groups, rate, recipe)


def _adafactor(groups: list[dict[str, Any]], rate: float, recipe: Recipe) -> Optimizer:
    # It comes with most of transformers' Trainer, which takes seconds to import.
    from transformers.optimization import Adafactor

    made: Optimizer = Adafactor(groups, lr=rate, scale_parameter=False, relative_step=False)
    return made


OPTIMIZERS: dict[str, Make] = {
    "adamw_torch_fused": _adam(torch.optim.AdamW, fused=True),
    "adamw_torch": _adam(torch.optim.AdamW),
    "adamw_bnb_8bit": _bitsandbytes,
    "adam": _adam(torch.optim.Adam, fused=True),
    "sgd": _plain(torch.optim.SGD, momentum=0.9),
    "adagrad": _plain(torch.optim.Adagrad),
    "rmsprop": _plain(torch.optim.RMSprop),
    "adafactor": _adafactor,
    "lion": _plain(Lion),
    "muon": _adam(Muon),
}
"""What makes each, with the options that ``Trainer`` gives it."""


def parameter_groups(model: Any, recipe: Recipe, learning_rate: float) -> list[dict[str, Any]]:
    """Put trained weights of the same rate and decay together, those that are decayed first.

    Biases, norms and what scales activations are not decayed. ``lr_scale`` is what `set_rate`
    multiplies the rate of the step by; ``hidden`` are matrices between embeddings and head,
    which only Muon treats apart. Checkpoints count the weights in this order.
    """
    scales = rate_scales(model, recipe, learning_rate)
    own_scale = find_method(recipe.method).rate_scale
    hidden = hidden_matrices(model) if recipe.optim == "muon" else set()
    groups: dict[tuple[bool, float, bool], list[Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            decayed = weight.ndim >= 2 and not _NOT_DECAYED.search(name.lower())
            scale = scales.get(weight, 1.0) * own_scale(name, recipe)
            groups.setdefault((decayed, scale, weight in hidden), []).append(weight)
    return [
        {
            "params": groups[decayed, scale, inner],
            "weight_decay": weight_decay(recipe) if decayed else 0.0,
            "lr_scale": scale,
            "hidden": inner,
        }
        for decayed, scale, inner in sorted(groups, reverse=True)
    ]


def weight_decay(recipe: Recipe) -> float:
    """Return the recipe's weight decay, or what suits its optimiser.

    Where decay is added to the gradient, 0.01 of it would outweigh the loss of a pre-trained
    model (Loshchilov and Hutter 2019, section 2).
    """
    if recipe.weight_decay is not None:
        return recipe.weight_decay
    return 0.0 if recipe.optim in ("adam", "sgd", "adagrad", "rmsprop") else 0.01


def rate_scales(model: Any, recipe: Recipe, learning_rate: float) -> dict[Parameter, float]:
    """Return what the rate is multiplied by for each weight; those left out have 1.

    ``layerwise_lr_decay`` gives the top layer that share of the rate, each layer below that
    share of the one above it, and the embeddings the least (Howard and Ruder 2018, section 3.2).
    ``head_learning_rate`` is the head's own rate.
    """
    decay, head_rate = recipe.layerwise_lr_decay, recipe.head_learning_rate
    if decay == 1 and head_rate is None:
        return {}
    depths = _depths(model)
    top = max(depths.values())
    head = 1.0 if head_rate is None else head_rate / learning_rate
    return {w: head if depth == top else decay ** (top - depth) for w, depth in depths.items()}


def hidden_matrices(model: Any) -> set[Parameter]:
    """Return the matrices of the layers: neither embeddings nor the head."""
    depths = _depths(model)
    top = max(depths.values())
    tables = {m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    return {w for w, depth in depths.items() if 0 < depth < top and w.ndim == 2} - tables


def _depths(model: Any) -> dict[Parameter, int]:
    return layer_depths(model, head_modules(unwrapped(model)))


def warmup_steps(recipe: Recipe, total_steps: int) -> int:
    """Return the steps with a rising rate; a share of all steps is rounded up."""
    if recipe.warmup_steps < 1:
        return math.ceil(total_steps * recipe.warmup_steps)
    return int(recipe.warmup_steps)


def rate_of_step(job: Job, progress: Progress, warmup: int) -> float:
    """Return the learning rate of the next step, by the schedule of the recipe."""
    recipe = job.recipe
    at = At(
        progress.step,
        job.total_steps,
        warmup,
        job.learning_rate,
        progress.scores,
        job.metric in LOWER_IS_BETTER,
    )
    factor = rate_factor(recipe.lr_scheduler_type, recipe.lr_scheduler_kwargs, at)
    return job.learning_rate * factor


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of all groups, each by its own scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]
