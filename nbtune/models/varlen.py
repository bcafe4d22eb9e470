"""Attention over rows of any length in one call, on GPUs that have torch's kernel for it."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import torch
from torch import Tensor

try:
    from torch.nn.attention import varlen
except ImportError:  # before torch 2.10
    varlen = None  # type: ignore[assignment]

WIDEST_HEAD = 256
FIRST_CAPABILITY = (8, 0)
"""FlashAttention 2, which does the work, needs Ampere or newer (Dao 2023)."""


def _find_kernel() -> Callable[..., Any] | None:
    found = getattr(varlen, "varlen_attn", None)
    return found if found and "window_size" in signature(found).parameters else None


KERNEL = _find_kernel()


def suits(query: Tensor, dropout: float) -> bool:
    """Say whether the kernel can do this attention: half precision on a GPU, without dropout.

    Parameters
    ----------
    query : Tensor
        Of shape (tokens, heads, width).
    """
    width = query.shape[-1]
    return (
        KERNEL is not None
        and query.is_cuda
        and query.dtype in (torch.bfloat16, torch.float16)
        and not dropout
        and width <= WIDEST_HEAD
        and width % 8 == 0
        and torch.cuda.get_device_capability(query.device) >= FIRST_CAPABILITY
    )


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bounds: Tensor,
    longest: int,
    *,
    scale: float | None,
    causal: bool,
    window: int | None,
    is_narrow: bool = False,
) -> Tensor:
    """Attend within each of the rows that lie one behind the other.

    Parameters
    ----------
    query, key, value : Tensor
        Of shape (tokens, heads, width); key and value may have fewer heads. A narrow query has
        one token a row.
    bounds : Tensor
        Where each row begins and the last one ends, int32, of shape (rows + 1,).
    longest : int
        Tokens of the longest row.
    window : int, optional
        A token sees those less than so far from it.

    Returns
    -------
    Tensor
        Of the shape of ``query``.
    """
    assert KERNEL is not None  # noqa: S101
    rows = len(bounds) - 1
    back = -1 if window is None else window - 1
    mixed: Tensor = KERNEL(
        query,
        key,
        value,
        torch.arange(rows + 1, dtype=torch.int32, device=bounds.device) if is_narrow else bounds,
        bounds,
        1 if is_narrow else longest,
        longest,
        scale=scale,
        window_size=(back, 0 if causal else back),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return mixed
