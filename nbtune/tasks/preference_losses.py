"""How preferences are learnt: DPO, ORPO and KTO, from the log-probabilities of whole answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nbtune.data.ragged import IGNORED
from nbtune.data.spoken import LOSS
from nbtune.recipe import Recipe
from nbtune.tasks import Loss

Array = np.ndarray[Any, Any]
MEMBERS = {"dpo": 2, "orpo": 2, "kto": 3}
"""Texts of a row: chosen, rejected, and with KTO an answer to another prompt."""


def preference_loss(recipe: Recipe, targets: Any, labels: int) -> Loss:
    """Return the loss that a recipe asks for, the mean over rows (with KTO over their answers)."""
    size = MEMBERS[recipe.loss_type]

    def total(logits: Tensor, wanted: Tensor, reference: Tensor | None = None) -> Tensor:
        has_target = wanted != IGNORED
        own = -functional.cross_entropy(logits.float(), wanted[has_target], reduction="none")
        row = torch.arange(len(wanted), device=wanted.device)[:, None].expand_as(wanted)[has_target]
        said = own.new_zeros(len(wanted)).index_add(0, row, own)
        tokens = has_target.sum(dim=1).clamp(min=1)
        return _sum(recipe, said.view(-1, size), tokens.view(-1, size), _of(reference, size))

    def kept(found: Any, examples: Any) -> float:
        sums, tokens = log_probabilities(found, size)
        beside = None if examples.beside is None else np.asarray(examples.beside)
        reference = None if beside is None else torch.from_numpy(beside.reshape(-1, size).copy())
        said = torch.from_numpy(sums)
        loss = _sum(recipe, said, torch.from_numpy(tokens), reference)
        return float(loss) / (len(said) * _counted(recipe))

    return Loss(total, lambda wanted: len(wanted) / size * _counted(recipe), kept)


def log_probabilities(kept: Any, size: int) -> tuple[Array, Array]:
    """Return log-probabilities and tokens of answers, of shape (rows, size)."""
    sums = np.array([-own[:, LOSS].sum(dtype=np.float64) for own in kept])
    tokens = np.diff(kept.offsets)
    return sums.reshape(-1, size), np.maximum(tokens, 1).reshape(-1, size)


def _of(reference: Tensor | None, size: int) -> Tensor | None:
    return None if reference is None else reference.view(-1, size)


def _counted(recipe: Recipe) -> int:
    """Return how many losses a row has: with KTO each answer has its own."""
    return 2 if recipe.loss_type == "kto" else 1


def _sum(recipe: Recipe, said: Tensor, tokens: Tensor, reference: Tensor | None) -> Tensor:
    """Return the summed loss of rows whose answers have these log-probabilities.

    Parameters
    ----------
    said, tokens : Tensor
        Of shape (rows, members): log-probabilities of answers, and how many tokens they have.
    reference : Tensor, optional
        Those that the model gave them before training; without them it has not moved.
    """
    if recipe.loss_type == "orpo":
        return orpo(said / tokens, recipe.beta).sum()
    against = said.detach() if reference is None else reference.to(said.dtype)
    moved = said - against
    if recipe.loss_type == "kto":
        return kto(moved, recipe.beta).sum()
    return dpo(moved, recipe.beta, recipe.label_smoothing_factor).sum()


def dpo(moved: Tensor, beta: float, smoothing: float = 0.0) -> Tensor:
    """Return the loss of each row (Rafailov et al. 2023, equation 7).

    Parameters
    ----------
    moved : Tensor
        By how much the log-probability of chosen and rejected answers is above the reference's, of
        shape (rows, 2).
    smoothing : float
        Share of preferences that are taken for wrong (Mitchell 2023).
    """
    margin = beta * (moved[:, 0] - moved[:, 1])
    right, wrong = functional.logsigmoid(margin), functional.logsigmoid(-margin)
    return -(1 - smoothing) * right - smoothing * wrong


def orpo(means: Tensor, beta: float) -> Tensor:
    """Return the loss of each row (Hong et al. 2024, equations 6 and 7; beta is their lambda).

    Parameters
    ----------
    means : Tensor
        Mean log-probability of a token of chosen and rejected answers, of shape (rows, 2).
    """
    odds = means - torch.log1p(-means.clamp(max=-1e-7).exp())
    return -means[:, 0] - beta * functional.logsigmoid(odds[:, 0] - odds[:, 1])


def kto(moved: Tensor, beta: float) -> Tensor:
    """Return the loss of chosen and rejected answers (Ethayarajh et al. 2024, equation 8).

    What both are measured by is how far the model has moved on answers to other prompts, the mean
    over the rows that go through the model together; no gradient goes that way.

    Parameters
    ----------
    moved : Tensor
        As for `dpo`, of shape (rows, 3), the answer to another prompt last.
    """
    away = moved[:, 2].detach().mean().clamp(min=0)
    return torch.cat(
        [
            1 - torch.sigmoid(beta * (moved[:, 0] - away)),
            1 - torch.sigmoid(beta * (away - moved[:, 1])),
        ]
    )
