"""Muon: steps in which a matrix moves equally far in all its directions (Jordan et al. 2024)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
_A, _B, _C = 3.4445, -4.7750, 2.0315
"""Jordan's coefficients: singular values come near 1 within five rounds."""


class Muon(torch.optim.AdamW):
    """Muon for the groups marked ``hidden``, AdamW for all others.

    The step is as long as AdamW's would be, so that AdamW's learning rate and weight decay suit
    (Liu et al. 2025, section 2.2). ``torch.optim.Muon`` computes in bfloat16, which some CPUs
    do not survive; here a CPU computes in float32.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Make one step."""
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group["hidden"]]
        try:
            super().step()
        finally:
            self.param_groups = groups
        for group in groups:
            if group["hidden"]:
                self._step_hidden(group)

    def _step_hidden(self, group: dict[str, Any]) -> None:
        rate = group["lr"]
        for weight in group["params"]:
            if weight.grad is None:
                continue
            state = self.state[weight]
            if not state:
                state["step"] = torch.tensor(0.0)  # AdamW asks all for one when a state is loaded
                state["momentum_buffer"] = torch.zeros_like(weight)
            mean = state["momentum_buffer"].lerp_(weight.grad, 1 - MOMENTUM)
            update = orthogonalised(weight.grad.lerp(mean, MOMENTUM))
            weight.mul_(1 - rate * group["weight_decay"])
            weight.add_(update, alpha=-rate * 0.2 * max(weight.shape) ** 0.5)


def orthogonalised(matrix: Tensor, rounds: int = 5) -> Tensor:
    """Return U V' for a matrix U S V', roughly: singular values between 0.5 and 1.5.

    By Newton and Schulz's iteration, which needs products only.
    """
    found: Tensor = matrix if matrix.device.type == "cpu" else matrix.bfloat16()
    tall = found.size(0) > found.size(1)
    found = found.T if tall else found
    found = found / found.norm().clamp(min=1e-7)
    for _ in range(rounds):
        square = found @ found.T
        found = _A * found + (_B * square + _C * square @ square) @ found
    found = found.T if tall else found
    return found.to(matrix.dtype)
