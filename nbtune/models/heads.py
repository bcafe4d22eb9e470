"""What heads say, and where they say it: one shape for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray[Any, Any]


def logits_of(output: Any) -> Tensor:
    """Return the logits of a model's output.

    Of shape (rows, labels) or (rows, longest, labels); a head that points at a start and an end,
    with logits of its own for each, gives (rows, longest, 2).
    """
    if "start_logits" in output:
        return torch.stack([output.start_logits, output.end_logits], dim=-1)
    return output.logits  # type: ignore[no-any-return]


def softmax(logits: Array) -> Array:
    """Return probabilities in float64; those along the last axis sum to 1."""
    shifted = np.exp(
        logits.astype(np.float64) - logits.max(axis=-1, keepdims=True, initial=-np.inf)
    )
    return shifted / shifted.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]
