"""Keys and values of virtual tokens are learnt in every layer (Li and Liang 2021)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbtune.methods import Method
from nbtune.methods.adapters import add_adapter, load_adapter
from nbtune.methods.virtual import check, keys_and_values, put_before, virtual_tokens
from nbtune.recipe import Recipe


def apply(model: Any, recipe: Recipe) -> Any:
    """Put learnt keys and values before those of each row; the head is trained with them.

    Raises
    ------
    RecipeError
        When it cannot be told what makes the keys and values of this model.
    """
    pairs = keys_and_values(model)
    linear, part = pairs[0]
    width = linear.weight.shape[0] if part.stop is None else part.stop - part.start
    heads = model.config.num_attention_heads
    shared = heads // (getattr(model.config, "num_key_value_heads", None) or heads)
    adapted = add_adapter(
        model,
        "PrefixTuningConfig",
        num_virtual_tokens=virtual_tokens(recipe),
        token_dim=width * shared,  # PEFT takes it for that of queries, and divides
        num_attention_heads=heads,
        num_layers=len(pairs) // 2,
    )
    # As drawn by PEFT they are much longer than those of words, and drown them.
    adapted.prompt_encoder["default"].embedding.weight.data *= 0.02
    put_before(adapted, virtual_tokens(recipe), prompt=False)
    return adapted


def load(model: Any, folder: Path, recipe: Recipe) -> Any:
    """Put the keys and values of a saved run before those of each row."""
    adapted = load_adapter(model, folder, recipe)
    put_before(adapted, virtual_tokens(recipe), prompt=False)
    return adapted


METHOD = Method(
    "prefix-tuning",
    "keys and values of virtual tokens, and the head, are trained",
    apply,
    learning_rate=2.5e-3,
    check=check,
    load=load,
    virtual_tokens=virtual_tokens,
)
