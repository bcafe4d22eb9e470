"""Dropout for a third of the time: sixteen random bits decide about a number, not a double.

On a CPU drawing the mask is most of what dropout costs, up to a fifth of a training step. Here
four numbers share one draw of 64 bits from torch's generator, so that seeds, checkpoints and
resumed runs work as ever. The probability is rounded to 1/65,536, and the scale made to fit it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nbtune.models.forwards import other_forwards

_FORMATS = (torch.float32, torch.bfloat16)
_LEVELS = 1 << 16
_LOWEST = -(1 << 15)


def dropout(values: Tensor, probability: float) -> Tensor:
    """Set each number to zero with this probability, and scale the others to keep the mean.

    Anything but float32 and bfloat16 on a CPU is left to torch. In 16 bits the scale is rounded, as
    torch rounds it.
    """
    if values.device.type != "cpu" or values.dtype not in _FORMATS:
        return functional.dropout(values, probability)
    level = round(probability * _LEVELS)
    if not 0 < level < _LEVELS:
        return functional.dropout(values, probability)
    return values * _mask(values, level)


def _mask(values: Tensor, level: int) -> Tensor:
    """Return zeros and scales in the shape of ``values``; zeros with chance level / 65,536."""
    count = values.numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(1 << 63), None)
    kept = torch.empty_like(values, memory_format=torch.contiguous_format)
    torch.ge(words.view(torch.int16)[:count].view(values.shape), _LOWEST + level, out=kept)
    return kept.mul_(_LEVELS / (_LEVELS - level))


@contextmanager
def cheap_dropout(model: Any) -> Iterator[None]:
    """Let the model's dropout layers draw this way inside this block."""
    layers = [module for module in model.modules() if type(module) is torch.nn.Dropout]
    with other_forwards(layers, _Layer):
        yield


class _Layer:
    """The forward pass of a dropout layer; its settings are read each time, as torch does."""

    def __init__(self, layer: torch.nn.Dropout) -> None:
        self.layer = layer

    def __call__(self, values: Tensor) -> Tensor:
        layer = self.layer
        return dropout(values, layer.p) if layer.training else values
