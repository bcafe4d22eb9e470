"""How well answers that are liked are told from others, and the record of all that was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from nbtune.data.preferred import Preferred
from nbtune.data.turns import prompt_of
from nbtune.evaluation.bootstrap import Weighted, sorted_columns, weighted_auc
from nbtune.evaluation.curves import roc_curves
from nbtune.evaluation.preferences import DECIDES, MOST_ERRORS, MOST_POINTS
from nbtune.evaluation.tables import score_table
from nbtune.records import EvaluationRecord, Scatter, WrongRow

Array = np.ndarray[Any, Any]
NAMES = ("not liked", "liked")


def weighted_scores(said: Preferred, is_liked: Array) -> Weighted:
    """Return how answers that are worth this are scored.

    ``reward_accuracy`` is how often an answer that is liked is worth more than one that is not, of
    all such pairs of rows: the area under the ROC curve.
    """
    worth = said.margins
    columns = list(sorted_columns([(is_liked, worth)]))

    def score(weights: Array) -> dict[str, Array]:
        liked, others = (_mean(weights[:, own], worth[own]) for own in (is_liked, ~is_liked))
        return {
            "reward_accuracy": weighted_auc(weights, columns),
            "reward_margin": liked - others,
            "chosen_reward": liked,
            "rejected_reward": others,
        }

    return score


def _mean(weights: Array, values: Array) -> Array:
    """Return weighted means of shape (resamples,); not a number where nothing counts."""
    total = weights.sum(axis=1)
    found = np.full(len(weights), np.nan)
    return np.asarray(np.divide(weights @ values, total, out=found, where=total > 0))


def judge(
    run: str, split: str, rows: pd.DataFrame, said: Preferred, baselines: Mapping[str, Preferred]
) -> EvaluationRecord:
    """Judge what answers are worth beside what others say."""
    is_liked, worth = rows["label"].to_numpy(dtype=bool), said.margins
    table, verdict = score_table(
        run,
        weighted_scores(said, is_liked),
        {name: weighted_scores(other, is_liked) for name, other in baselines.items()},
        len(rows),
        DECIDES,
    )
    right = np.where(is_liked, worth, -worth)
    worst = np.argsort(right, kind="stable")[:MOST_ERRORS]
    shown = np.linspace(0, len(rows) - 1, min(MOST_POINTS, len(rows))).astype(int)
    chances = np.stack([-worth, worth], axis=1)
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(rows),
        table=table,
        errors=tuple(_wrong(rows, int(row), right) for row in worst if right[row] < 0),
        verdict=verdict,
        decides=DECIDES,
        roc=roc_curves(is_liked.astype(int), chances, NAMES),
        likings=Scatter(*(tuple(map(float, own[shown])) for own in (is_liked, worth))),
    )


def _wrong(rows: pd.DataFrame, row: int, right: Array) -> WrongRow:
    is_liked = bool(rows["label"].iloc[row])
    return WrongRow(
        int(rows["row"].iloc[row]),
        f"{prompt_of(rows['messages'].iloc[row])}\n\n{rows['completion'].iloc[row]}",
        NAMES[is_liked],
        NAMES[not is_liked],
        float(expit(-right[row])),
    )
