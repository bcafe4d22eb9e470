"""What all tasks share in which words are foretold: the loss, what is kept, how it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from nbtune.data.batches import target_places
from nbtune.data.plain import PLAIN
from nbtune.data.ragged import IGNORED
from nbtune.data.spoken import Spoken, by_row
from nbtune.recipe import Recipe
from nbtune.records import EvaluationRecord
from nbtune.tasks import Known, Loss, RowScore, Task, Weighted

Array = np.ndarray[Any, Any]
AT_ONCE = 512
"""Places whose probabilities over a vocabulary are in memory together."""
WITHOUT = ("class_weight", "focal_gamma", "train_sampling_strategy", "corrections")
"""Settings that mean nothing where words are foretold."""


def loss(recipe: Recipe, targets: Any, labels: int) -> Loss:
    """Cross-entropy of the tokens that are asked for, the mean over them."""

    def total(logits: Tensor, wanted: Tensor) -> Tensor:
        return functional.cross_entropy(
            logits.float(),
            wanted.flatten()[target_places(wanted, len(logits))],
            label_smoothing=recipe.label_smoothing_factor,
            reduction="sum",
        )

    return Loss(total, lambda wanted: float(max(1, int(np.count_nonzero(wanted != IGNORED)))))


def keep(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return loss, true token, likeliest token and its probability, of shape (places, 4)."""
    parts = [logits.new_empty(0, 4)]
    for start in range(0, len(wanted), AT_ONCE):
        some, tokens = logits[start : start + AT_ONCE], wanted[start : start + AT_ONCE]
        chances = some.log_softmax(-1)
        best = chances.max(-1)
        own = -chances.gather(1, tokens[:, None])[:, 0]
        parts.append(torch.stack([own, tokens, best.indices, best.values.exp()], dim=1))
    return torch.cat(parts)


def read(kept: Any, rows: pd.DataFrame, examples: Any, known: Known) -> Spoken:
    """Return what was said of each row."""
    return by_row(kept, examples, len(rows))


def by_chance(examples: Any, said: Spoken, known: Known) -> Spoken:
    """Return what the frequencies of tokens in the training rows say at the same places."""
    return said.by_chance(examples.targets, len(known.tokenizer))


def weighted(rows: pd.DataFrame, said: Spoken, known: Known, *, with_bytes: bool) -> Weighted:
    """Score weighted rows; see `nbtune.evaluation.language.weighted_scores`."""
    from nbtune.evaluation.language import weighted_scores

    return weighted_scores(said, list(rows["text"]), with_bytes=with_bytes)


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Spoken,
    known: Known,
    baselines: Mapping[str, Spoken],
    *,
    with_bytes: bool,
) -> EvaluationRecord:
    """Judge what was said beside what others say."""
    from nbtune.evaluation.language import judge

    return judge(run, split, rows, said, known.tokenizer, baselines, with_bytes=with_bytes)


def table(rows: pd.DataFrame, said: Spoken, known: Known) -> pd.DataFrame:
    """Return the rows with how many tokens were asked for, and their perplexity."""
    asked = said.sums()[:, 1].astype(int)
    return rows.reset_index(drop=True).assign(asked=asked, perplexity=perplexities(said))


def perplexities(said: Spoken) -> Array:
    """Return the perplexity of each row, of shape (rows,)."""
    losses, places, _ = said.sums().T
    return np.exp(losses / np.maximum(places, 1))  # type: ignore[no-any-return]


def language_task(*, with_bytes: bool, **own: Any) -> Task:
    """Return a task in which words are foretold.

    Parameters
    ----------
    with_bytes : bool
        Whether every byte of a text is foretold, so that bits a byte mean something.
    **own
        What is the task's own; see `nbtune.tasks.Task`.
    """
    return Task(
        rows=PLAIN,
        loss=loss,
        keep=keep,
        read=read,
        by_chance=by_chance,
        weighted=partial(weighted, with_bytes=with_bytes),
        judge=partial(judge, with_bytes=with_bytes),
        fit=lambda rows, known: (),
        predict=lambda said, known: perplexities(said),
        row_score=RowScore("loss", lambda rows, said, known: said.losses),
        answers=table,
        table=table,
        metrics=("perplexity", "token_accuracy"),
        without=WITHOUT,
        scores_start=True,
        **own,
    )
