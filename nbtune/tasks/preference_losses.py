"""How preferences are learnt: DPO, ORPO and KTO, from the log-probabilities of whole answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nbtune.data.batches import target_places
from nbtune.data.ragged import IGNORED
from nbtune.data.spoken import LOSS
from nbtune.recipe import Recipe
from nbtune.tasks import Loss

Array = np.ndarray[Any, Any]
MEMBERS = {"dpo": 2, "orpo": 2, "kto": 4}
"""Texts of a pair: chosen, rejected, and with KTO an answer to another prompt for each of both."""
WITH_PROMPT = 3
"""Texts of a pair where ORPO learns prompts too: chosen and rejected, and the chosen one whole."""
JUDGED = 2
"""Texts of an answer that stands alone: itself, and an answer to another prompt."""


def is_unpaired(recipe: Recipe) -> bool:
    """Whether a row has one answer that somebody liked or did not, and not two to choose from."""
    return recipe.completion is not None


def members_of(recipe: Recipe) -> int:
    """Return how many texts a row is."""
    if is_unpaired(recipe):
        return JUDGED
    is_whole = recipe.loss_type == "orpo" and recipe.completion_only_loss is False
    return WITH_PROMPT if is_whole else MEMBERS[recipe.loss_type]


def preference_loss(recipe: Recipe, targets: Any, labels: int) -> Loss:
    """Return the loss that a recipe asks for, the mean over rows (with KTO over their answers)."""
    size = members_of(recipe)
    losses = 2 if size == MEMBERS["kto"] else 1

    def total(logits: Tensor, wanted: Tensor, beside: Tensor | None = None) -> Tensor:
        places = target_places(wanted, len(logits))
        own = -functional.cross_entropy(logits.float(), wanted.flatten()[places], reduction="none")
        said = own.new_zeros(len(wanted)).index_add(0, places // wanted.shape[1], own)
        tokens = (wanted != IGNORED).sum(dim=1).clamp(min=1)
        return _sum(recipe, said.view(-1, size), tokens.view(-1, size), _by_row(beside, size))

    def kept(found: Any, examples: Any) -> float:
        sums, tokens = log_probabilities(found, size)
        beside = None if examples.beside is None else torch.tensor(np.asarray(examples.beside))
        said = torch.from_numpy(sums)
        loss = _sum(recipe, said, torch.from_numpy(tokens), _by_row(beside, size))
        return float(loss) / (len(said) * losses)

    return Loss(total, lambda wanted: len(wanted) / size * losses, kept)


def log_probabilities(kept: Any, size: int) -> tuple[Array, Array]:
    """Return log-probabilities and tokens of answers, of shape (rows, size)."""
    sums = np.array([-own[:, LOSS].sum(dtype=np.float64) for own in kept])
    tokens = np.diff(kept.offsets)
    return sums.reshape(-1, size), np.maximum(tokens, 1).reshape(-1, size)


def _by_row(beside: Tensor | None, size: int) -> Tensor | None:
    """Return numbers of answers as those of rows, of shape (rows, size, numbers)."""
    return None if beside is None else beside.view(-1, size, beside[0].numel())


def _sum(recipe: Recipe, said: Tensor, tokens: Tensor, beside: Tensor | None) -> Tensor:
    """Return the summed loss of rows whose answers have these log-probabilities.

    Parameters
    ----------
    said, tokens : Tensor
        Of shape (rows, members): log-probabilities of answers, and how many tokens they have.
    beside : Tensor, optional
        Those that the model gave them before training, of shape (rows, members, 1); without them
        it has not moved. Of answers that stand alone there is a second number: whether each is
        liked.
    """
    if recipe.loss_type == "orpo":
        return orpo(said / tokens, recipe.beta).sum()
    against = said.detach() if beside is None else beside[..., 0].to(said.dtype)
    moved = said - against
    if recipe.loss_type == "dpo":
        return dpo(moved, recipe.beta, recipe.label_smoothing_factor).sum()
    own, others = moved.chunk(2, dim=1)
    is_liked = torch.ones_like(own)
    if own.shape[1] == 2:
        is_liked[:, 1] = 0
    elif beside is not None:
        is_liked = beside[:, :1, 1]
    return kto(own, others, is_liked > 0, recipe.beta).sum()


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
        Mean log-probability of a token of chosen and rejected answers, of shape (rows, 2); a third
        column is the likelihood that is learnt, where it is not that of the chosen answer.
    """
    odds = means - torch.log1p(-means.clamp(max=-1e-7).exp())
    likelihood = means[:, 2 if means.shape[1] > 2 else 0]
    return -likelihood - beta * functional.logsigmoid(odds[:, 0] - odds[:, 1])


def kto(moved: Tensor, others: Tensor, is_liked: Tensor, beta: float) -> Tensor:
    """Return the loss of each answer (Ethayarajh et al. 2024, equation 8).

    What all are measured by is how far the model has moved on answers to other prompts, the mean
    over the rows that go through the model together; no gradient goes that way.

    Parameters
    ----------
    moved, others : Tensor
        By how much the log-probability of answers is above the reference's, and that of answers to
        other prompts.
    is_liked : Tensor of bool
        Of the shape of ``moved``.
    """
    away = others.detach().mean().clamp(min=0)
    gained = beta * (moved - away)
    return 1 - torch.sigmoid(torch.where(is_liked, gained, -gained))
