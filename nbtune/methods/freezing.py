"""Layers that do not move: the lowest for the whole run, the others until their turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nbtune.errors import RecipeError
from nbtune.methods import head_modules
from nbtune.models.layers import layer_depths, unwrapped
from nbtune.recipe import Recipe

if TYPE_CHECKING:
    from torch.nn import Parameter

Waiting = Callable[[float], "Sequence[Parameter]"]


def nothing_waits(epoch: float) -> Sequence[Parameter]:
    """Return no weights: all that train do so from the first step."""
    return ()


def frozen_weights(model: Any, recipe: Recipe) -> set[Parameter]:
    """Return the weights that ``freeze`` keeps as they are: embeddings and lowest layers.

    Raises
    ------
    RecipeError
        When the model has fewer layers.
    """
    if recipe.freeze is None:
        return set()
    depths = _depths(model)
    layers = max(depths.values()) - 1
    if recipe.freeze > layers:
        raise RecipeError(
            f"freeze: {recipe.freeze} layers are more than the {layers} of {recipe.model}",
            hint=f"freeze {layers} or fewer; method: head trains the head alone",
        )
    return {weight for weight, depth in depths.items() if depth <= recipe.freeze}


def freeze(model: Any, recipe: Recipe) -> None:
    """Freeze what the recipe's ``freeze`` names; the model is changed in place."""
    for weight in frozen_weights(model, recipe):
        weight.requires_grad_(False)


def gradual_unfreezing(model: Any, recipe: Recipe) -> Waiting:
    """Return which of the trained weights still wait, as a function of the epochs done.

    The head trains from the start, and one more layer from the top down each
    ``gradual_unfreezing`` epochs, the embeddings last (Howard and Ruder 2018, section 3.3).
    A weight that waits has no gradient, so it is neither decayed nor has it moments.
    """
    every = recipe.gradual_unfreezing
    if every is None:
        return nothing_waits
    groups: dict[int, list[Parameter]] = {}
    for weight, depth in _depths(model).items():
        if weight.requires_grad:
            groups.setdefault(depth, []).append(weight)
    downwards = [groups[depth] for depth in sorted(groups, reverse=True)]

    def waiting(epoch: float) -> Sequence[Parameter]:
        moving = int(epoch / every + 1e-9) + 1
        return [weight for group in downwards[moving:] for weight in group]

    return waiting


@contextmanager
def held_still(weights: Sequence[Parameter]) -> Iterator[None]:
    """Let no gradient reach these weights inside this block."""
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


def _depths(model: Any) -> dict[Parameter, int]:
    return layer_depths(model, head_modules(unwrapped(model)))
