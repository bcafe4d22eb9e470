"""A number per text: stars, similarity, readability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor
from torch.nn import functional

from nbtune.data.batches import InMemory
from nbtune.data.numbers import NUMBERED
from nbtune.data.previewing import Pieces, short_number, with_truths
from nbtune.data.texts import texts_of
from nbtune.errors import RunError
from nbtune.recipe import Recipe
from nbtune.records import REGRESSION_SCORES, EvaluationRecord, ReviewedRow
from nbtune.tasks import Aim, Baseline, Known, Loss, RowScore, Task, Weighted
from nbtune.tasks.text_classification import SINGLE, encode_inputs

Array = np.ndarray[Any, Any]


def encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise the texts; targets are the numbers without their mean and deviation.

    So the same learning rate suits stars from 1 to 5 and prices in thousands.
    """
    mean, deviation = known.scale
    numbers = numbers_of(rows) if "label" in rows else np.full(len(rows), mean)
    targets = ((numbers - mean) / deviation).astype(np.float32)
    return encode_inputs(rows, targets, tokenizer, max_length)


def preview(rows: pd.DataFrame, tokenizer: Any, max_length: int) -> list[Pieces]:
    """Return each text with its number, and what is cut off."""
    return with_truths(rows, list(map(short_number, numbers_of(rows))), tokenizer, max_length)


def loss(recipe: Recipe, targets: Any, labels: int) -> Loss:
    """Squared error, in units of the deviation of the training rows."""

    def total(logits: Tensor, wanted: Tensor) -> Tensor:
        return functional.mse_loss(logits.float().flatten(), wanted.float(), reduction="sum")

    return Loss(total, lambda wanted: float(len(wanted)))


def read(logits: Array, rows: pd.DataFrame, examples: Any, known: Known) -> Array:
    """Return the numbers, of shape (rows,), with mean and deviation put back."""
    mean, deviation = known.scale
    return np.asarray(logits.astype(np.float64).reshape(len(rows)) * deviation + mean)


def weighted(rows: pd.DataFrame, said: Array, known: Known) -> Weighted:
    """Score weighted rows; see `nbtune.evaluation.regression.weighted_scores`."""
    from nbtune.evaluation.regression import weighted_scores

    return weighted_scores(numbers_of(rows), said, known.steps)


def glance(rows: pd.DataFrame, said: Array, known: Known) -> dict[str, Any]:
    """Return numbers that are true and told; see `nbtune.evaluation.glances.dots`."""
    from nbtune.evaluation.glances import dots

    return dots(numbers_of(rows), said)


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Array,
    known: Known,
    baselines: Mapping[str, Array],
    **how: Any,
) -> EvaluationRecord:
    """Judge numbers beside those of the baselines; see `nbtune.evaluation.regression.judge`."""
    from nbtune.evaluation.regression import judge

    return judge(
        run,
        split,
        numbers_of(rows),
        said,
        baselines=baselines,
        texts=texts_of(rows),
        rows=list(rows["row"]),
        steps=known.steps,
        **how,
    )


def fit(rows: pd.DataFrame, known: Known) -> Sequence[Baseline]:
    """Fit the mean, and TF-IDF with ridge regression."""
    from nbtune.evaluation.text_baselines import fit_regression

    return fit_regression(texts_of(rows), numbers_of(rows))


def table(rows: pd.DataFrame, said: Array, known: Known) -> pd.DataFrame:
    """Return the rows with the number predicted for each."""
    return rows.reset_index(drop=True).assign(prediction=said)


def answers(rows: pd.DataFrame, said: Array, known: Known) -> pd.DataFrame:
    """Return the same, with the nearest step beside the number where a scale was learnt."""
    found = table(rows, said, known)
    if not known.steps:
        return found
    from nbtune.evaluation.regression import rounded

    return found.assign(rounded=rounded(said, known.steps).astype(int))


def reviewed(rows: pd.DataFrame, said: Array, known: Known) -> list[ReviewedRow]:
    """Return the rows to look through; the loss is how far off a number is, in deviations."""
    from nbtune.evaluation.reviewing import unlabelled

    numbers = numbers_of(rows)
    losses = np.abs(numbers - said) / known.scale[1]
    texts = texts_of(rows)
    return unlabelled(
        list(rows["row"]), texts, lambda i: (f"{numbers[i]:.4g}", f"{said[i]:.4g}"), losses
    )


def aims(
    logits: Array, rows: pd.DataFrame, examples: Any, known: Known, label: str | None
) -> list[list[Aim]]:
    """Return what raises the number of each row."""
    if label is not None:
        raise RunError(f"label: {label!r}, but a number was learnt", hint="leave --label out")
    mean, deviation = known.scale
    numbers = read(logits, rows, examples, known)

    def score(own: Tensor) -> Tensor:
        return own.float()[:, 0] * deviation + mean

    return [[Aim(row, f"{number:.4g}", score, what="number")] for row, number in enumerate(numbers)]


def numbers_of(rows: pd.DataFrame) -> Array:
    """Return the true numbers of rows, of shape (rows,)."""
    return np.asarray(rows["label"], dtype=np.float64)


def tuned(recipe: Recipe) -> Task:
    """Return the task as a recipe wants its texts read: as one, or each by itself."""
    if recipe.pair_encoding == "cross-encoder":
        return TASK
    from nbtune.tasks.similarity import TASK as SIMILARITY

    return SIMILARITY


TASK = replace(
    SINGLE,
    summary="a number per text",
    rows=NUMBERED,
    encode=encode,
    loss=loss,
    read=read,
    weighted=weighted,
    judge=judge,
    fit=fit,
    predict=lambda said, known: said,
    probabilities=None,
    answers=answers,
    table=table,
    recalled=lambda kept, known: kept["prediction"].to_numpy(),
    row_score=RowScore("mae", lambda rows, said, known: np.abs(numbers_of(rows) - said)),
    reviewed=reviewed,
    preview=preview,
    scores=REGRESSION_SCORES,
    metrics=("rmse", "spearman", "mae"),
    outputs=1,
    without=(
        "class_weight",
        "focal_gamma",
        "label_smoothing_factor",
        "train_sampling_strategy",
    ),
    settle=None,
    decide=None,
    glance=glance,
    aims=aims,
    tuned=tuned,
)
