"""A few virtual tokens before each row are learnt (Lester, Al-Rfou and Constant 2021)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbtune.methods import Method
from nbtune.methods.adapters import add_adapter, load_adapter
from nbtune.methods.virtual import check, put_before, virtual_tokens
from nbtune.recipe import Recipe


def apply(model: Any, recipe: Recipe) -> Any:
    """Put virtual tokens before each row, drawn among the words; the head is trained with them."""
    adapted = add_adapter(
        model,
        "PromptTuningConfig",
        num_virtual_tokens=virtual_tokens(recipe),
        prompt_tuning_init="SAMPLE_VOCAB",
        **width(model),
    )
    put_before(adapted, virtual_tokens(recipe), prompt=True)
    return adapted


def load(model: Any, folder: Path, recipe: Recipe) -> Any:
    """Put the virtual tokens of a saved run before each row."""
    adapted = load_adapter(model, folder, recipe)
    put_before(adapted, virtual_tokens(recipe), prompt=True)
    return adapted


def width(model: Any) -> dict[str, int]:
    """Return what PEFT finds in some configurations only."""
    return {
        "token_dim": model.get_input_embeddings().embedding_dim,
        "num_layers": model.config.num_hidden_layers,
        "num_attention_heads": model.config.num_attention_heads,
    }


METHOD = Method(
    "prompt-tuning",
    "virtual tokens before each row, and the head, are trained",
    apply,
    learning_rate=1e-3,
    check=check,
    load=load,
    virtual_tokens=virtual_tokens,
)
