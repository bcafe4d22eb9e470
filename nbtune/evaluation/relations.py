"""How well relations are found: scores without the label that says there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.evaluation import classification
from nbtune.evaluation.bootstrap import Weighted, confusions, from_confusions
from nbtune.evaluation.tables import score_table
from nbtune.evaluation.thresholds import given_labels
from nbtune.records import EvaluationRecord
from nbtune.records.marking import near_marks

Array = np.ndarray[Any, Any]
DECIDES = "f1_micro"


def weighted_scores(targets: Array, probabilities: Array, none: int | None) -> Weighted:
    """Return how rows with these labels are scored.

    F1, precision and recall are those of scikit-learn with ``labels`` without the one that says
    there is no relation, as TACRED and SemEval 2010 task 8 score. Means over labels are over those
    that some row has or was given.

    Parameters
    ----------
    targets : ndarray of int
        Label ids of shape (rows,).
    probabilities : ndarray of float
        Shape (rows, labels).
    none : int, optional
        The id of the label that says there is no relation.
    """
    labels = probabilities.shape[1]
    given = given_labels(probabilities)
    counted = np.array([label for label in range(labels) if label != none], dtype=int)
    tiny = np.finfo(np.float64).eps
    own = np.clip(probabilities[np.arange(len(targets)), targets], tiny, 1 - tiny)

    def score(weights: Array) -> dict[str, Array]:
        counts = confusions(weights.astype(np.float64), targets, given, labels)
        whole = from_confusions(counts)
        hits = np.einsum("rkk->rk", counts)[:, counted]
        true, said = counts.sum(axis=2)[:, counted], counts.sum(axis=1)[:, counted]
        right, wanted, named = hits.sum(axis=1), true.sum(axis=1), said.sum(axis=1)
        seen = (true + said) > 0
        f1 = _ratio(2 * hits, true + said)
        return {
            "f1_micro": _ratio(2 * right, wanted + named),
            "f1_macro": _ratio((f1 * seen).sum(axis=1), seen.sum(axis=1)),
            "precision_micro": _ratio(right, named),
            "recall_micro": _ratio(right, wanted),
            "accuracy": whole["accuracy"],
            "mcc": whole["mcc"],
            "log_loss": weights @ -np.log(own) / weights.sum(axis=1),
        }

    return score


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros(len(above) if above.ndim == 1 else above.shape),
                     where=below > 0)  # fmt: skip


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    targets: Array,
    said: Array,
    labels: Sequence[str],
    none: int | None,
    *,
    baselines: Mapping[str, Array],
    temperature: float,
) -> EvaluationRecord:
    """Judge probabilities beside those of the baselines, all of shape (rows, labels)."""
    table, verdict = score_table(
        run,
        weighted_scores(targets, said, none),
        {name: weighted_scores(targets, found, none) for name, found in baselines.items()},
        len(targets),
        DECIDES,
    )
    if none is not None:
        verdict += (
            f" F1, precision and recall are of {len(labels) - 1} relations, not {labels[none]!r}."
        )
    return classification.judge(
        run,
        split,
        labels,
        targets,
        said,
        texts=[near_marks(text, classification.LONGEST_TEXT) for text in rows["text"]],
        rows=list(rows["row"]),
        temperature=temperature,
        scored=(table, verdict, DECIDES),
    )
