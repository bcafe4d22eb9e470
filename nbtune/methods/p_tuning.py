"""Virtual tokens before each row come out of a small network (P-tuning, Liu et al. 2021)."""

from __future__ import annotations

from typing import Any

from nbtune.methods import Method
from nbtune.methods.adapters import add_adapter
from nbtune.methods.prompt_tuning import load, width
from nbtune.methods.virtual import check, put_before, virtual_tokens
from nbtune.recipe import Recipe


def apply(model: Any, recipe: Recipe) -> Any:
    """Put virtual tokens before each row; their network and the head are trained."""
    adapted = add_adapter(
        model,
        "PromptEncoderConfig",
        num_virtual_tokens=virtual_tokens(recipe),
        **width(model),
    )
    put_before(adapted, virtual_tokens(recipe), prompt=True)
    return adapted


METHOD = Method(
    "p-tuning",
    "a network that makes virtual tokens, and the head, are trained",
    apply,
    learning_rate=2e-3,
    check=check,
    load=load,
    virtual_tokens=virtual_tokens,
)
