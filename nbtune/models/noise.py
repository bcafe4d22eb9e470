"""NEFTune: noise on the embeddings while a model trains (Jain et al. 2023)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from nbtune.models.layers import unwrapped


@contextmanager
def noisy_embeddings(
    model: Any, alpha: float | None, lengths: Callable[[], Sequence[int]]
) -> Iterator[None]:
    """Add uniform noise to the input embeddings of a model in training mode, inside this block.

    Parameters
    ----------
    alpha : float, optional
        A number has noise up to ``alpha / sqrt(tokens of its row * width)``; None adds none.
    lengths : callable
        Gives the tokens of each row that is in the model, padded or packed longest first.
    """
    if alpha is None:
        yield
        return

    def add(module: Any, inputs: Any, embedded: Tensor) -> Tensor:
        if not module.training:
            return embedded
        rows = torch.tensor(sorted(lengths(), reverse=True))
        if len(embedded) == len(rows):
            tokens = torch.tensor(lengths())[:, None, None]
        else:
            tokens = rows.repeat_interleave(rows)[None, :, None]
        most = (alpha / (tokens * embedded.shape[-1]).sqrt()).to(embedded.device)
        return embedded + most * torch.empty_like(embedded).uniform_(-1, 1)

    hook = unwrapped(model).get_input_embeddings().register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()
