"""Few rows: a sentence encoder learns which texts are alike, then a head is fitted on its vectors.

SetFit (Tunstall et al. 2022): the cosine of two texts of one label is drawn to 1, of two labels to
0, both kinds counting the same; then a logistic regression is fitted. Instead of drawing pairs all
pairs of a batch are used, which is the same objective for less work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nbtune.errors import RecipeError
from nbtune.methods import Method
from nbtune.models.pooled import PooledForSequenceClassification
from nbtune.models.sentences import pooling_beside
from nbtune.models.sources import SCRATCH_RATES
from nbtune.recipe import Recipe

if TYPE_CHECKING:
    from nbtune.data.batches import InMemory

WARMUP = 0.1
ROWS_AT_ONCE = 64
MANY = 64
"""Rows a label; with more the usual methods are as good and quicker."""


def check(recipe: Recipe) -> None:
    """Refuse what is not one label a text, and models that know no words yet.

    Raises
    ------
    RecipeError
    """
    single = recipe.problem_type in (None, "single_label_classification")
    if recipe.task != "text-classification" or not single or recipe.text_pair is not None:
        raise RecipeError(
            "method: setfit learns one label for each single text",
            hint="leave method out, or take task: text-classification without text_pair",
        )
    if recipe.model in SCRATCH_RATES:
        raise RecipeError(
            f"method: setfit begins with a sentence encoder, and {recipe.model} with nothing",
            hint="model: minilm",
        )


def apply(model: Any, recipe: Recipe) -> Any:
    """Put the encoder under a head of its own; the head alone is free."""
    pooled = PooledForSequenceClassification.of(model, pooling_beside(model) or "mean")
    pooled.encoder.requires_grad_(False)
    return pooled


def preparing(rows: int, labels: int, recipe: Recipe) -> tuple[str, str]:
    """Say how many steps the encoder takes, and that many rows are not what it is meant for."""
    steps = recipe.contrastive_epochs * math.ceil(rows / _half(recipe))
    phase = f"learning which texts are alike, {steps:,} steps"
    if rows <= MANY * labels:
        return phase, ""
    return phase, (
        f"method setfit is meant for some {MANY} rows a label or fewer; {rows:,} rows take "
        f"{steps:,} steps before its head. full or lora suit as many, max_train_samples draws some"
    )


def prepare(model: Any, examples: InMemory, recipe: Recipe, pad_id: int) -> None:
    """Train the encoder on pairs of the rows, and fit the head; the model is changed in place.

    Parameters
    ----------
    examples : InMemory
        The training rows, with the ids of their labels.
    """
    labels = np.asarray(examples.targets)
    device = next(model.parameters()).device
    model.encoder.requires_grad_(True)
    _learn_likeness(model.train(), examples, labels, recipe, pad_id)
    model.encoder.requires_grad_(False)
    model.eval()
    vectors = []
    with torch.no_grad():
        for start in range(0, len(labels), ROWS_AT_ONCE):
            rows = np.arange(start, min(start + ROWS_AT_ONCE, len(labels)))
            vectors.append(model.vectors(**_inputs(examples, rows, pad_id, device)).cpu())
    _fit_head(model.classifier, torch.cat(vectors).numpy(), labels)


def _learn_likeness(
    model: Any, examples: InMemory, labels: np.ndarray[Any, Any], recipe: Recipe, pad_id: int
) -> None:
    device = next(model.parameters()).device
    steps = list(_steps(labels, recipe))
    rate = recipe.learning_rate or METHOD.learning_rate
    weights = model.encoder.parameters()
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / (WARMUP * len(steps) + 1), (len(steps) - step) / len(steps)),
    )
    for rows in steps:
        vectors = model.vectors(**_inputs(examples, rows, pad_id, device))
        loss = likeness_loss(vectors, torch.as_tensor(labels[rows], device=device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.encoder.parameters(), recipe.max_grad_norm or 1e9)
        optimizer.step()
        schedule.step()


def likeness_loss(vectors: Tensor, labels: Tensor) -> Tensor:
    """Return how far cosines are from 1 for texts of one label, and from 0 for those of two.

    The mean squared error over pairs, those of one label weighing as much as the others together.

    Parameters
    ----------
    vectors : Tensor
        Shape (texts, width), each of length 1.
    labels : Tensor
        Label ids of shape (texts,).
    """
    cosines = vectors @ vectors.T
    pairs = torch.ones_like(cosines, dtype=torch.bool).triu(1)
    same = labels[:, None] == labels[None]
    kinds = [(1 - cosines)[pairs & same], cosines[pairs & ~same]]
    parts = [kind.square().mean() for kind in kinds if len(kind)]
    return torch.stack(parts).mean() if parts else vectors.sum() * 0


def _steps(labels: np.ndarray[Any, Any], recipe: Recipe) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the rows of each step: every row, each with another one of its label."""
    rows, half = len(labels), _half(recipe)
    for epoch in range(recipe.contrastive_epochs):
        rng = np.random.default_rng([recipe.seed, epoch])
        order = rng.permutation(rows)
        for start in range(0, rows, half):
            first = order[start : start + half]
            partners = [_partner(labels, row, rng) for row in first]
            yield np.unique(np.concatenate([first, partners]))


def _half(recipe: Recipe) -> int:
    """Return the rows of a step that are drawn; the others are their partners."""
    return max(1, recipe.per_device_train_batch_size // 2)


def _partner(labels: np.ndarray[Any, Any], row: int, rng: np.random.Generator) -> int:
    alike = np.flatnonzero(labels == labels[row])
    others = alike[alike != row]
    return int(rng.choice(others)) if len(others) else int(row)


def _inputs(
    examples: InMemory, rows: Sequence[int] | np.ndarray[Any, Any], pad_id: int, device: Any
) -> dict[str, Tensor]:
    from nbtune.data.batches import make_batch

    batch = make_batch(examples, np.asarray(rows), pad_id)
    return {name: tensor.to(device) for name, tensor in batch.inputs.items()}


def _fit_head(
    head: torch.nn.Linear, vectors: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]
) -> None:
    """Let the head begin as a logistic regression says; it is changed in place."""
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(max_iter=500).fit(vectors, labels)
    weights, bias = found.coef_, found.intercept_
    if len(found.classes_) == 2:  # scikit-learn keeps the second label's log-odds only
        weights, bias = np.stack([-weights[0], weights[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(-10.0)  # a label without rows
        head.weight[found.classes_] = torch.as_tensor(weights, dtype=head.weight.dtype)
        head.bias[found.classes_] = torch.as_tensor(bias, dtype=head.bias.dtype)


METHOD = Method(
    "setfit",
    "few rows: a sentence encoder learns which texts are alike, then a head is fitted",
    apply,
    learning_rate=2.5e-5,
    check=check,
    prepare=prepare,
    preparing=preparing,
    trains=1.0,
)
