"""Attention of rows of one length, by whatever is fastest on the device at hand."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from nbtune.models.dropout import dropout as drop

LONGEST_IN_FULL = 1024
"""Rows up to this many tokens attend in fp32 where a CPU computes in 16 bits."""


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    mask: Tensor | None,
    dropout: float,
    scale: float | None,
    causal: bool,
) -> Tensor:
    """Let queries attend to keys, in the format and by the kernel that take the least time.

    Parameters
    ----------
    query, key, value : Tensor
        Of shape (rows, heads, tokens, width); there may be fewer heads of keys and values.
    mask : Tensor of bool, optional
        Which keys a query sees, of a shape that spreads to (rows, heads, queries, keys).
    """
    if _is_slow_in_half(query):
        with torch.autocast("cpu", enabled=False):
            return attend(
                query.float(),
                key.float(),
                value.float(),
                mask=mask,
                dropout=dropout,
                scale=scale,
                causal=causal,
            ).to(query.dtype)
    # With dropout torch leaves its fused kernel on a CPU, and then ours costs half of its way.
    kernel = (
        _attention_with_dropout
        if dropout and query.device.type == "cpu"
        else functional.scaled_dot_product_attention
    )
    return kernel(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=dropout,
        is_causal=causal,
        scale=scale,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def _is_slow_in_half(query: Tensor) -> bool:
    """Tell whether torch's fused attention would take longer than in fp32.

    Its way back takes up to eight times as long, and both ways keep up to 5 MiB for each length.
    """
    is_half = query.device.type == "cpu" and query.dtype == torch.bfloat16
    return is_half and query.shape[-2] <= LONGEST_IN_FULL


def _attention_with_dropout(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    attn_mask: Tensor | None,
    dropout_p: float,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
) -> Tensor:
    """Do what torch's ``scaled_dot_product_attention`` does, with our dropout."""
    if enable_gqa:
        key, value = (
            tensor.repeat_interleave(query.shape[1] // tensor.shape[1], 1)
            for tensor in (key, value)
        )
    if is_causal:
        attn_mask = query.new_ones(query.shape[2], key.shape[2], dtype=torch.bool).tril()
    scores = query * (query.shape[-1] ** -0.5 if scale is None else scale) @ key.transpose(-1, -2)
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    return drop(scores.softmax(-1), dropout_p) @ value
