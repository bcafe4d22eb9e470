"""Keys, values and feed-forward activations are rescaled (IA3, Liu et al. 2022), through PEFT."""

from __future__ import annotations

from typing import Any

from nbtune.errors import RecipeError
from nbtune.methods import Method
from nbtune.methods.adapters import (
    add_adapter,
    is_transposed,
    linear_layers,
    named,
    needs_peft,
    pattern,
)
from nbtune.recipe import Recipe

_BERT = ("key", "value", "output.dense"), ("output.dense",)
MORE = {
    "albert": (("key", "value", "ffn_output"), ("ffn_output",)),
    "camembert": _BERT,
    "distilbert": (("k_lin", "v_lin", "lin2"), ("lin2",)),
    "electra": _BERT,
    "modernbert": (("Wqkv", "mlp.Wo"), ("mlp.Wo",)),
    "mpnet": (("k", "v", "output.dense"), ("output.dense",)),
    "xlm-roberta": _BERT,
}
"""Layers that are rescaled, and those of them whose input is, where PEFT knows none."""


def apply(model: Any, recipe: Recipe) -> Any:
    """Wrap the model in scales of one at first; the head is trained whole and saved with them.

    Raises
    ------
    RecipeError
        When nobody has said which layers these are in models of this kind.
    """
    layers, feedforward = targets(model, recipe)
    return add_adapter(
        model,
        "IA3Config",
        target_modules=pattern(layers),
        feedforward_modules=pattern(feedforward),
        fan_in_fan_out=all(map(is_transposed, layers.values())),
    )


def targets(model: Any, recipe: Recipe) -> tuple[dict[str, Any], list[str]]:
    """Return the layers that are rescaled by their full names, and those whose input is.

    Raises
    ------
    RecipeError
        When nobody has said which layers these are in models of this kind.
    """
    scaled, feedforward = _places(model.config.model_type)
    layers = linear_layers(model, recipe)
    chosen = {name: layers[name] for name in named(layers, scaled, "method ia3")}
    inner = named(layers, feedforward, "method ia3")
    return chosen, [name for name in inner if name in chosen]


def _places(kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    from peft.utils import constants

    scaled = constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING
    feedforward = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING
    if kind in MORE:
        return MORE[kind]
    if kind not in scaled:
        raise RecipeError(
            f"method ia3 does not know which layers it rescales in models of the kind {kind!r}",
            hint=f"take method: lora; known: {', '.join(sorted({*scaled, *MORE}))}",
        )
    return tuple(scaled[kind]), tuple(feedforward[kind])


METHOD = Method(
    "ia3",
    "scales of keys, values and activations, and the head, are trained",
    apply,
    learning_rate=2e-3,
    check=needs_peft,
    check_layers=targets,
)
