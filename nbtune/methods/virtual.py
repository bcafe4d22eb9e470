"""Virtual tokens: ids beyond the vocabulary that stand before every row and are learnt.

PEFT gives a model embeddings in place of ids. Then heads that look for the last token of a row,
as those of decoders do, take padding for it, and nothing can be packed. As ids, virtual tokens
pass through padding, packing and every head like any other token; a row on its own gives the
same answer as in PEFT.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nbtune.errors import RecipeError
from nbtune.methods.adapters import needs_peft
from nbtune.recipe import Recipe

Learnt = Callable[[], Tensor]


def virtual_tokens(recipe: Recipe) -> int:
    """Return how many virtual tokens stand before each row."""
    return recipe.num_virtual_tokens


def check(recipe: Recipe) -> None:
    """Refuse what cannot work before anything is loaded.

    Raises
    ------
    RecipeError
        When PEFT is not installed, or noise would drown what is learnt.
    """
    needs_peft(recipe)
    if recipe.task == "image-classification":
        raise RecipeError(
            f"method: {recipe.method} puts words before texts, and there are images",
            hint="take method: lora, bitfit, head or full",
        )
    if recipe.neftune_noise_alpha is not None:
        raise RecipeError(
            f"neftune_noise_alpha: there is no noise on the virtual tokens of {recipe.method}",
            hint="leave it out, or take another method",
        )


def put_before(model: Any, count: int, *, prompt: bool) -> None:
    """Put virtual tokens before each row; the PEFT model is changed in place.

    Parameters
    ----------
    prompt : bool
        Whether what is learnt stands for the embeddings of the virtual tokens (prompt and
        P-tuning), or for their keys and values in every layer (prefix tuning).
    """
    base = model.get_base_model()
    table = base.get_input_embeddings()
    tokens = _Tokens(base, table, count, lambda: _learnt(model))
    # Instance attributes, so that names of weights and what is saved stay as PEFT has them.
    model.forward = tokens.forward
    table.forward = tokens.embed_prompt if prompt else tokens.embed_nothing
    if not prompt:
        for number, (linear, part) in enumerate(keys_and_values(base)):
            linear.register_forward_hook(_Overwrite(tokens, number, part))


def _learnt(model: Any) -> Tensor:
    """Return what the prompt encoder says, of shape (virtual tokens, width)."""
    encoder = model.prompt_encoder[model.active_adapter]
    if model.active_peft_config.inference_mode:
        return encoder.embedding.weight  # type: ignore[no-any-return]
    indices = torch.arange(model.active_peft_config.num_virtual_tokens)
    return encoder(indices.to(encoder.embedding.weight.device)[None])[0]  # type: ignore[no-any-return]


class _Tokens:
    """The rows of one forward pass with their virtual tokens.

    Attributes
    ----------
    number : Tensor
        Which virtual token stands in a place, as ids are shaped; below 0 for real tokens.
    learnt : Tensor
        What they mean, of shape (virtual tokens, width).
    """

    def __init__(self, base: Any, table: Any, count: int, learn: Learnt) -> None:
        self.base, self.table, self.count, self.learn = base, table, count, learn
        self.size = table.num_embeddings
        self.number = self.learnt = torch.empty(0)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **others: Any
    ) -> Any:
        """Run rows through the model behind their virtual tokens."""
        rows = len(input_ids)
        ids = torch.arange(self.size, self.size + self.count, device=input_ids.device)
        if attention_mask is not None:
            attention_mask = _before(attention_mask.new_ones(rows, self.count), attention_mask)
        if (types := others.get("token_type_ids")) is not None:
            others["token_type_ids"] = _before(types.new_zeros(rows, self.count), types)
        if (packer := getattr(self.base.base_model, "nbtune_packer", None)) is not None:
            packer.lengths = [length + self.count for length in packer.lengths]
        self.learnt = self.learn()
        return self.base(
            input_ids=_before(ids.expand(rows, -1), input_ids),
            attention_mask=attention_mask,
            **others,
        )

    def embed_prompt(self, ids: Tensor) -> Tensor:
        """Look real tokens up in the table, virtual ones among what is learnt."""
        return self.overwrite(self.embed_nothing(ids), self.learnt)

    def embed_nothing(self, ids: Tensor) -> Tensor:
        """Look real tokens up in the table, virtual ones as anything."""
        self.number = ids - self.size
        real = ids.masked_fill(self.number >= 0, 0)
        return type(self.table).forward(self.table, real)  # type: ignore[no-any-return]

    def overwrite(self, states: Tensor, learnt: Tensor) -> Tensor:
        """Return token states with those of virtual tokens replaced."""
        own = torch.nn.functional.embedding(self.number.clamp(min=0), learnt.to(states.dtype))
        return torch.where((self.number >= 0)[..., None], own, states)


class _Overwrite:
    """Gives virtual tokens the keys, or values, that are learnt for one layer."""

    def __init__(self, tokens: _Tokens, number: int, part: slice) -> None:
        self.tokens, self.number, self.part = tokens, number, part

    def __call__(self, linear: Any, inputs: Any, states: Tensor) -> Tensor:
        own = states[..., self.part]
        start = self.number * own.shape[-1]
        learnt = self.tokens.learnt[:, start : start + own.shape[-1]]
        own = self.tokens.overwrite(own, learnt)
        if own.shape == states.shape:
            return own
        after = states[..., self.part.stop :] if self.part.stop else states[..., :0]
        return torch.cat([states[..., : self.part.start], own, after], dim=-1)


def _before(first: Tensor, second: Tensor) -> Tensor:
    return torch.cat([first, second], dim=1)


SEPARATE = (("key", "value"), ("k_lin", "v_lin"), ("k_proj", "v_proj"), ("key_proj", "value_proj"))
"""What the layers for keys and values are called."""


def keys_and_values(model: Any) -> list[tuple[Any, slice]]:
    """Return what makes the keys of the lowest layer, its values, the keys of the next ...

    Each is a linear layer and the part of its output that is meant: GPT-2 makes queries, keys
    and values in one.

    Raises
    ------
    RecipeError
        When they cannot be told.
    """
    layers = dict(model.base_model.named_modules())
    whole = slice(None)
    for key, value in SEPARATE:
        found = [
            (layers[f"{path}{name}"], whole)
            for path in (
                path.removesuffix(key) for path in layers if f".{path}".endswith(f".{key}")
            )
            for name in (key, value)
            if f"{path}{value}" in layers
        ]
        if found:
            return found
    fused = [layer for path, layer in layers.items() if path.endswith(".attn.c_attn")]
    if not fused:
        raise RecipeError(
            f"prefix tuning cannot tell keys and values in models of the kind "
            f"{model.config.model_type!r}",
            hint="take method: p-tuning, which goes with every kind",
        )
    width = fused[0].weight.shape[1] // 3
    parts = slice(width, 2 * width), slice(2 * width, 3 * width)
    return [(layer, part) for layer in fused for part in parts]
