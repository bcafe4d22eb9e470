"""Lion: half of Adam's memory, and steps of one size (Chen et al. 2023, Algorithm 2)."""

from __future__ import annotations

from typing import Any

import torch


class Lion(torch.optim.Optimizer):
    """Move each weight by the sign of a mean of gradients, with decoupled weight decay.

    As every weight moves as far as it can, a rate 3 to 10 times smaller than AdamW's suits.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Make one step."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            for weight in weights:
                if not self.state[weight]:
                    self.state[weight]["exp_avg"] = torch.zeros_like(weight)
            gradients = [weight.grad for weight in weights]
            means = [self.state[weight]["exp_avg"] for weight in weights]
            rate, (beta1, beta2) = group["lr"], group["betas"]
            directions = torch._foreach_lerp(means, gradients, 1 - beta1)
            torch._foreach_sign_(directions)
            torch._foreach_mul_(weights, 1 - rate * group["weight_decay"])
            torch._foreach_add_(weights, directions, alpha=-rate)
            torch._foreach_lerp_(means, gradients, 1 - beta2)
