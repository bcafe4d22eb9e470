"""How well preferred answers are told from others, and the record of all that was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from nbtune.data.preferred import Preferred
from nbtune.data.turns import prompt_of
from nbtune.evaluation.bootstrap import Weighted
from nbtune.evaluation.tables import score_table
from nbtune.records import EvaluationRecord, Scatter, WrongRow

Array = np.ndarray[Any, Any]
DECIDES = "reward_accuracy"
MOST_ERRORS = 50
MOST_POINTS = 2_000


def right_of(said: Preferred) -> Array:
    """Return which rows are right, 0 or 1; of equal worth is half right."""
    return np.asarray((said.margins > 0) + 0.5 * (said.margins == 0))


def weighted_scores(said: Preferred) -> Weighted:
    """Return how rows whose answers are worth this are scored; of equal worth is half right."""
    right = right_of(said)

    def score(weights: Array) -> dict[str, Array]:
        total = weights.sum(axis=1)
        return {
            "reward_accuracy": weights @ right / total,
            "reward_margin": weights @ said.margins / total,
            "chosen_reward": weights @ said.rewards[:, 0] / total,
            "rejected_reward": weights @ said.rewards[:, 1] / total,
        }

    return score


def judge(
    run: str, split: str, rows: pd.DataFrame, said: Preferred, baselines: Mapping[str, Preferred]
) -> EvaluationRecord:
    """Judge what answers are worth beside what others say."""
    table, verdict = score_table(
        run,
        weighted_scores(said),
        {name: weighted_scores(other) for name, other in baselines.items()},
        len(rows),
        DECIDES,
    )
    worst = np.argsort(said.margins, kind="stable")[:MOST_ERRORS]
    wrong = [int(row) for row in worst if said.margins[row] < 0]
    shown = np.linspace(0, len(rows) - 1, min(MOST_POINTS, len(rows))).astype(int)
    chosen, rejected = (tuple(map(float, side)) for side in said.rewards[shown].T)
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(rows),
        table=table,
        errors=tuple(
            WrongRow(
                int(rows["row"].iloc[row]),
                prompt_of(rows["messages"].iloc[row]),
                str(rows["chosen"].iloc[row]),
                str(rows["rejected"].iloc[row]),
                float(expit(-said.margins[row])),
            )
            for row in wrong
        ),
        verdict=verdict,
        decides=DECIDES,
        rewards=Scatter(chosen, rejected),
    )
