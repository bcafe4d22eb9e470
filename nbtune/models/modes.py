"""Torch's modes, which an interrupt at the wrong moment would leave as they happen to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import overrides

CPU = torch.device("cpu")


@contextmanager
def own_modes(device: torch.device = CPU) -> Iterator[None]:
    """Leave gradients, autocast and where tensors are made as they were, however this block ends.

    `torch.no_grad` and the like undo what they did in a ``with``; where an interrupt falls between
    what they do and the begin of the block, they never get to it. Weights are loaded inside of
    many: what is made after one on the device ``meta`` that was never left would have no numbers.
    """
    kinds = {device.type, "cpu"}
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    autocast = {kind: torch.is_autocast_enabled(kind) for kind in kinds}
    depth = _depth()
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        for kind, enabled in autocast.items():
            torch.set_autocast_enabled(kind, enabled)
        for _ in range(_depth() - depth):
            overrides._pop_mode()  # type: ignore[no-untyped-call]


def _depth() -> int:
    return len(overrides._get_current_function_mode_stack())  # type: ignore[no-untyped-call]
