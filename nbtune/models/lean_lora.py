"""A layer with its low-rank adapter as one function: the products it needs, and nothing else.

PEFT runs the layer, the two small products, a scaling and an addition one after the other, each
with a tensor of its own, forward and backward. Written as one function the small products lie the
way that is fast, and are added by the same routine that multiplies (BLAS ``gemm`` with beta 1).
Result and gradients are the same but for rounding; weights, names and files stay PEFT's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from nbtune.models.forwards import other_forwards


@contextmanager
def lean_lora(model: Any) -> Iterator[None]:
    """Let the model's plain LoRA layers run this way inside this block.

    DoRA, dropout before the adapter, quantised layers, several or merged adapters, and mixed
    precision are left to PEFT.
    """
    peft = sys.modules.get("peft.tuners.lora.layer")  # without it there are no such layers
    kind = getattr(peft, "Linear", None)
    layers = [m for m in model.modules() if type(m) is kind and _is_plain(m)]
    with other_forwards(layers, _Layer):
        yield


def _is_plain(layer: Any) -> bool:
    return (
        type(layer.base_layer) is torch.nn.Linear
        and not layer.base_layer.weight.requires_grad
        and (layer.base_layer.bias is None or not layer.base_layer.bias.requires_grad)
        and len(layer.active_adapters) == 1
        and not layer.lora_variant
        and all(isinstance(drop, torch.nn.Identity) for drop in layer.lora_dropout.values())
        and all(getattr(b, "bias", None) is None for b in layer.lora_B.values())
    )


class _Layer:
    """The forward pass of one layer."""

    def __init__(self, layer: Any) -> None:
        self.layer, self.plain = layer, layer.forward

    def __call__(self, states: Tensor, *args: Any, **named: Any) -> Tensor:
        layer = self.layer
        other = args or named or layer.merged or layer.disable_adapters
        if other or torch.is_autocast_enabled(states.device.type):
            return self.plain(states, *args, **named)  # type: ignore[no-any-return]
        (name,) = layer.active_adapters
        base = layer.base_layer
        down, up = layer.lora_A[name].weight, layer.lora_B[name].weight
        return _Adapted.apply(  # type: ignore[no-any-return, no-untyped-call]
            states, base.weight, base.bias, down, up, layer.scaling[name]
        )


class _Adapted(torch.autograd.Function):
    """x W' + b + s x A' B', for a frozen W of shape (out, in), A (rank, in) and B (out, rank).

    What is low in rank lies as (rank, rows): MKL multiplies that way round up to seven times as
    fast as with (rows, rank).
    """

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        down: Tensor,
        up: Tensor,
        scale: float,
    ) -> Tensor:
        rows = states.reshape(-1, states.shape[-1])
        low = down @ rows.t()
        mixed = rows @ weight.t() if bias is None else torch.addmm(bias, rows, weight.t())
        mixed.addmm_(low.t(), up.t(), alpha=scale)
        ctx.save_for_backward(rows, low, weight, down, up)
        ctx.scale, ctx.shape = scale, states.shape
        return mixed.view(*states.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, low, weight, down, up = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, weight.shape[0])
        of_low = (up.t() @ gradient.t()).mul_(ctx.scale)
        of_states = None
        if ctx.needs_input_grad[0]:
            of_states = (gradient @ weight).addmm_(of_low.t(), down).view(ctx.shape)
        of_down = of_low @ rows if ctx.needs_input_grad[3] else None
        of_up = (low @ gradient).mul_(ctx.scale).t() if ctx.needs_input_grad[4] else None
        return of_states, None, None, of_down, of_up, None
