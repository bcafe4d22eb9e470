"""What heads say, and where they say it: one shape for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor

from nbtune.models.pooling import pool

Array = np.ndarray[Any, Any]
NOWHERE = -1e4
"""A logit of something that cannot be: its probability is 0 in every number format."""


def logits_of(output: Any, mask: Tensor | None = None, pooling: str = "mean") -> Tensor:
    """Return the logits of a model's output.

    Of shape (rows, labels) or (rows, longest, labels); a head that points at a start and an end,
    with logits of its own for each, gives (rows, longest, 2). A model without a head gives the
    vectors of its texts, pooled where ``mask`` is 1: (rows, width).
    """
    if mask is not None and "logits" not in output and "last_hidden_state" in output:
        # Virtual tokens stand before each row, and are no part of its text.
        return pool(output.last_hidden_state[:, -mask.shape[1] :], mask, pooling)
    if "start_logits" in output:
        return torch.stack([output.start_logits, output.end_logits], dim=-1)
    return output.logits  # type: ignore[no-any-return]


def hide_padding(output: Any, logits: Tensor, mask: Tensor) -> Tensor:
    """Return logits with which no head can point at padding; other heads keep theirs.

    Parameters
    ----------
    output
        What the model gave.
    logits, mask : Tensor
        Of shape (rows, longest, ...) and (rows, longest).
    """
    if "start_logits" not in output:
        return logits
    return logits.masked_fill(mask[:, :, None] == 0, NOWHERE)


def softmax(logits: Array) -> Array:
    """Return probabilities in float64; those along the last axis sum to 1."""
    shifted = np.exp(
        logits.astype(np.float64) - logits.max(axis=-1, keepdims=True, initial=-np.inf)
    )
    return shifted / shifted.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]


def is_headless(model: Any) -> bool:
    """Whether a model has no head, and says what it has made of each token."""
    known = transformers.MODEL_MAPPING.get(type(getattr(model, "config", None)), ())
    return type(model) in (known if isinstance(known, tuple) else (known,))


def pooling_in(model: Any) -> str:
    """Return how a model without a head pools, as its configuration says."""
    return str(getattr(model.config, "pooling", "mean"))


def bare_heads(model: Any) -> list[str]:
    """Return the names of heads that stand beside embeddings and layers, as in a T5 for answers.

    Most models hold all but their heads in one inner model; for those there are none.
    """
    if model.base_model is not model:
        return []
    return [name for name, part in model.named_children() if isinstance(part, torch.nn.Linear)]


def set_bias(model: Any, heads: Sequence[str], bias: Array) -> None:
    """Let the last layer of the head begin with this bias; the model is changed in place.

    A head whose last layer has no bias is left as it is.

    Parameters
    ----------
    heads : sequence of str
        Names of the parts that stand above all layers.
    bias : ndarray
        Of shape (labels,).
    """
    last = [
        layer
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear)
        and layer.out_features == len(bias)
        and layer.bias is not None
        and any(f"{name}.".startswith(f"{head}.") for head in heads)
    ]
    if last:
        with torch.no_grad():
            last[-1].bias.copy_(torch.from_numpy(bias))
