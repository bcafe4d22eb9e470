"""Gradients of an embedding table that cost what was looked up, not what the table holds.

For every micro-batch torch makes a gradient as large as the table, of zeros but for the some
hundred rows that the texts name; with MiniLM's 47 MB that is a tenth of a step on short texts.
Here one table of zeros is kept: looked-up rows are added to it, and set back to zero when the
next gradient begins. The gradient is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nbtune.models.forwards import other_forwards

LARGE = 1 << 18
"""Tables with fewer numbers are left to torch; so are GPUs, for which zeros cost nothing."""


@contextmanager
def row_gradients(model: Any) -> Iterator[None]:
    """Give the model's large embedding tables such gradients inside this block.

    The gradient belongs to the table as ever: who clears it sets ``weight.grad`` to None.
    """
    weights = [getattr(module, "weight", None) for module in model.modules()]
    chosen = [
        module
        for module in model.modules()
        if _is_plain(module) and sum(w is module.weight for w in weights) == 1
    ]
    with other_forwards(chosen, _Table):
        yield


def _is_plain(module: Any) -> bool:
    """Tell whether a module is a large table that is trained on a CPU, and nothing besides."""
    return (
        type(module) is torch.nn.Embedding
        and module.weight.requires_grad
        and module.weight.numel() >= LARGE
        and module.weight.device.type == "cpu"
        and module.max_norm is None
        and not module.scale_grad_by_freq
        and not module.sparse
    )


class _Table:
    """The look-up of one embedding, and its gradient: zeros but for the rows ``touched``."""

    def __init__(self, embedding: torch.nn.Embedding) -> None:
        self.weight = embedding.weight
        self.padding = embedding.padding_idx
        self.zeros: Tensor | None = None
        self.touched: list[Tensor] = []

    def __call__(self, ids: Tensor) -> Tensor:
        return _Lookup.apply(self.weight, ids, self)  # type: ignore[no-any-return, no-untyped-call]

    def add(self, rows: Tensor, gradients: Tensor) -> None:
        """Add to the gradient of some rows: shapes (n,) and (n, width)."""
        if self.weight.grad is None:
            self.weight.grad = self._cleared()
        if self.padding is not None:
            gradients = gradients * (rows != self.padding)[:, None]
        self.weight.grad.index_add_(0, rows, gradients)
        self.touched.append(rows)

    def _cleared(self) -> Tensor:
        if self.zeros is None:
            self.zeros = torch.zeros_like(self.weight)
        elif self.touched:
            self.zeros.index_fill_(0, torch.cat(self.touched), 0)
        self.touched = []
        return self.zeros


class _Lookup(torch.autograd.Function):
    """An embedding whose backward pass adds to the gradient itself."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, table: _Table) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.table = table
        return functional.embedding(ids, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        (ids,) = ctx.saved_tensors
        ctx.table.add(ids.flatten(), gradients[0].flatten(0, -2))
        return None, None, None
