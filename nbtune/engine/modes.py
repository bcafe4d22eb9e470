"""Torch's modes, which an interrupt at the wrong moment would leave as they happen to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def own_modes(device: torch.device) -> Iterator[None]:
    """Leave gradients and autocast as they were, however this block ends.

    `torch.no_grad` and the like undo what they did in a ``with``; where an interrupt falls between
    what they do and the begin of the block, they never get to it.
    """
    kinds = {device.type, "cpu"}
    grad = torch.is_grad_enabled()
    autocast = {kind: torch.is_autocast_enabled(kind) for kind in kinds}
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        for kind, enabled in autocast.items():
            torch.set_autocast_enabled(kind, enabled)
