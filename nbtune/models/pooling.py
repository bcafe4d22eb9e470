"""From the states of the tokens of a text to one vector."""

from __future__ import annotations

import torch
from torch import Tensor

POOLINGS = ("mean", "cls", "max", "lasttoken")


def pool(states: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Return one vector a text, of length 1 and in float32.

    Parameters
    ----------
    states, mask : Tensor
        Of shape (texts, longest, width) and (texts, longest); texts are padded on the right.
    pooling : str
        One of `POOLINGS`.
    """
    states, real = states.float(), mask[:, :, None].bool()
    if pooling == "cls":
        found = states[:, 0]
    elif pooling == "max":
        found = states.masked_fill(~real, float("-inf")).amax(1)
    elif pooling == "lasttoken":
        found = states[torch.arange(len(states), device=states.device), mask.sum(1) - 1]
    else:
        found = (states * real).sum(1) / real.sum(1)
    return torch.nn.functional.normalize(found)
