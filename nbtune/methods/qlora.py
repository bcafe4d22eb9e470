"""LoRA on layers of 4 or 8 bits (Dettmers et al. 2023), through bitsandbytes."""

from __future__ import annotations

import logging
from typing import Any

from nbtune.errors import RecipeError
from nbtune.methods import Method, head_modules
from nbtune.methods.adapters import needs, needs_peft
from nbtune.methods.lora import apply, rate_scale, targets, usual_scale
from nbtune.models.sources import SCRATCH_RATES
from nbtune.recipe import Recipe


def check(recipe: Recipe) -> None:
    """Refuse what cannot work before anything is loaded.

    Raises
    ------
    RecipeError
        When bitsandbytes or PEFT is not installed, or there are no weights to make smaller.
    """
    needs_peft(recipe)
    needs(recipe, "bitsandbytes", "'nbtune[quant]'")
    if recipe.model in SCRATCH_RATES:
        raise RecipeError(
            f"method qlora makes trained weights smaller, and {recipe.model} has none",
            hint="take method: full",
        )


def quantize(model: Any, recipe: Recipe) -> Any:
    """Return how the layers below the head are loaded: NF4 with double quantisation, or int8."""
    import torch
    import transformers

    head = head_modules(model)
    # It tells at every product that its inputs become 16-bit numbers, as they must.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    if recipe.bits == 8:
        return transformers.BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=head)
    fast = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        llm_int8_skip_modules=head,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if fast else torch.float32,
    )


METHOD = Method(
    "qlora",
    "adapters on layers of 4 or 8 bits, and the head, are trained",
    apply,
    learning_rate=5e-4,
    check=check,
    check_layers=targets,
    quantize=quantize,
    rate_scale=rate_scale,
    usual_scale=usual_scale,
)
