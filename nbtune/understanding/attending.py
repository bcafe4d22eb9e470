"""What attention looks at: queries, keys, values and weights of every layer, as they were."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from nbtune.errors import ModelError
from nbtune.models.layers import layers_of, unwrapped
from nbtune.understanding.reader import Asked, Score

NAME = "nbtune-watched"
_WATCHERS: list[list[Look]] = []


@dataclass(frozen=True)
class Look:
    """One layer's attention over a row; only weights where it attends in a way of its own.

    Attributes
    ----------
    weights : Tensor
        Of shape (heads, tokens, tokens): from which, to which.
    query, key, value : Tensor, optional
        Of shape (heads, tokens, width of a head), as they meet.
    scores : Tensor, optional
        Products times the scale, before the softmax; what may not be seen is minus infinity.
    """

    weights: Tensor
    query: Tensor | None = None
    key: Tensor | None = None
    value: Tensor | None = None
    scores: Tensor | None = None
    scale: float = 1.0


def watched_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[Tensor, Tensor]:
    """Attend step by step, and note the steps; registered with transformers as ``NAME``."""
    heads = query.shape[1]
    key, value = (one.repeat_interleave(heads // one.shape[1], 1) for one in (key, value))
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = query @ key.transpose(-1, -2) * scale
    if (cap := others.get("softcap")) is not None:
        scores = torch.tanh(scores / cap) * cap
    if (bias := others.get("position_bias")) is not None:
        scores = scores + bias
    if attention_mask is not None:
        scores = scores + attention_mask[..., : scores.shape[-1]]
    weights = scores.softmax(-1)
    if _WATCHERS and query.shape[2] == key.shape[2]:
        low = torch.finfo(scores.dtype).min / 2
        seen = scores[0].detach().masked_fill(scores[0] < low, -torch.inf)
        first, *rest = (one[0].detach() for one in (weights, query, key, value))
        _WATCHERS[-1].append(Look(first, rest[0], rest[1], rest[2], seen, scale))
    return (weights @ value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(NAME, watched_attention)
AttentionMaskInterface.register(NAME, eager_mask)


def has_attention(model: Any) -> bool:
    """Whether a model attends at all."""
    return any("attention" in type(part).__name__.lower() for part in model.modules())


def refuse_without_attention(model: Any, name: str, *, is_part: bool = False) -> None:
    """Refuse models that read otherwise, and those that read a text twice, unless it is a part.

    Raises
    ------
    ModelError
        Saying what kind of model it is.
    """
    config = unwrapped(model).config
    if not has_attention(model):
        kind = getattr(config, "architecture", config.model_type)
        raise ModelError(
            f"{name} has no attention: it is a model of the kind {kind}",
            hint="models of the kinds BERT, GPT and Llama attend; %explain takes this one as well",
        )
    if getattr(config, "is_encoder_decoder", False) and not is_part:
        raise ModelError(
            f"{name} reads its text in an encoder and once more in a decoder ({config.model_type})",
            hint="take an encoder (BERT) or a decoder (GPT), which have one attention a layer",
        )


def reading_part(model: Any) -> Any:
    """Return what of a model reads: the encoder of one that writes another text, else all of it."""
    own = unwrapped(model)
    is_writer = getattr(own.config, "is_encoder_decoder", False) and own.can_generate()
    return own.get_encoder() if is_writer else model


def takes(model: Any, name: str) -> bool:
    """Whether a model is given such a thing, as token_type_ids."""
    known = inspect.signature(unwrapped(model).forward).parameters
    return name in known or any(one.kind is one.VAR_KEYWORD for one in known.values())


def look(model: Any, call: Callable[[], Any], length: int) -> list[Look]:
    """Return what each layer attends to while ``call`` runs the model over one row.

    Virtual tokens, which stand before it, are left out, unless its length is not known (0).
    """
    return [_own(one, length) for one in _looks(model, call)]


def _looks(model: Any, call: Callable[[], Any]) -> list[Look]:
    return _watched(model, call) or _told(model, call)


def _watched(model: Any, call: Callable[[], Any]) -> list[Look]:
    found: list[Look] = []
    with _attention(model, NAME):
        _WATCHERS.append(found)
        try:
            call()
        finally:
            _WATCHERS.pop()
    return found


def _told(model: Any, call: Callable[[], Any]) -> list[Look]:
    """Ask models with an attention of their own kind for their weights."""
    inner = unwrapped(model)
    told: list[Any] = []
    ask = inner.base_model.register_forward_pre_hook(
        lambda module, inputs, named: (inputs, {**named, "output_attentions": True}),
        with_kwargs=True,
    )
    hear = inner.base_model.register_forward_hook(
        lambda module, inputs, output: told.append(output)
    )
    try:
        with _attention(model, "eager"):
            call()
    finally:
        ask.remove()
        hear.remove()
    found = getattr(told[0], "attentions", None) if told else None
    if not found or found[0] is None:
        raise ModelError(
            f"{type(inner).__name__} does not tell what it attends to",
            hint="models of the kinds BERT, GPT and Llama do",
        )
    return [Look(weights[0].detach()) for weights in found]


@contextmanager
def _attention(model: Any, name: str) -> Iterator[None]:
    """Have a model attend in another way inside this block."""
    configs = {id(part.config): part.config for part in model.modules() if hasattr(part, "config")}
    before = {
        key: own for key, one in configs.items()
        if (own := getattr(one, "_attn_implementation", None)) is not None
    }  # fmt: skip
    for key in before:
        configs[key]._attn_implementation = name
    try:
        yield
    finally:
        for key, own in before.items():
            configs[key]._attn_implementation = own


def _own(one: Look, length: int) -> Look:
    """Leave virtual tokens out; the weights that went to them are shared by the others."""
    if one.weights.shape[-1] == length or not length:
        return one
    weights = one.weights[:, -length:, -length:]
    weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-12)
    query, key, value = (
        None if part is None else part[:, -length:] for part in (one.query, one.key, one.value)
    )
    scores = None if one.scores is None else one.scores[:, -length:, -length:]
    return Look(weights, query, key, value, scores, one.scale)


def attention_rollout(reader: Asked, score: Score) -> tuple[Tensor, int]:
    """Return how much of each token reaches what the head reads, of shape (tokens,).

    Weights, the mean over heads, half and half with the way around each layer, multiplied layer by
    layer (Abnar and Zuidema 2020). The head's tokens count as much as its score depends on them.
    Virtual tokens, which stand before the row, have what is left to 1.
    """
    read: list[Tensor] = []
    gradient: list[Tensor] = []
    found = layers_of(unwrapped(reader.model).base_model)
    if found is None:
        raise ModelError("the layers of this model cannot be told", hint="take another method")
    last = getattr(*found)[-1]

    def keep(layer: Any, inputs: Any, output: Any) -> Any:
        states = output[0] if isinstance(output, tuple) else output
        own = states.detach().requires_grad_()
        read.append(own)
        return (own, *output[1:]) if isinstance(output, tuple) else own

    def call() -> None:
        handle = last.register_forward_hook(keep)
        try:
            total = score(reader.ask(reader.states[None])).sum()
            gradient[:] = torch.autograd.grad(total, read[-1])
        finally:
            handle.remove()

    looks = _looks(reader.model, call)
    start = gradient[0][0].norm(dim=-1)
    mix = torch.eye(len(start), device=reader.device)
    for one in looks:
        own = one.weights.mean(0).float()
        mix = (0.5 * own + 0.5 * torch.eye(len(own), device=own.device)) @ mix
    return ((start / start.sum()) @ mix)[-len(reader.states) :], 0
