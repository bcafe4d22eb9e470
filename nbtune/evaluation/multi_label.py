"""Texts with any number of labels: scores, thresholds, and the record of all that was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nbtune.evaluation.bootstrap import Weighted, sorted_columns, weighted_auc
from nbtune.evaluation.by_label import of_marks
from nbtune.evaluation.calibration import of_chances
from nbtune.evaluation.curves import gain_curves, pr_curves, roc_curves
from nbtune.evaluation.tables import score_table
from nbtune.evaluation.thresholds import FEWEST_POSITIVE, operating_points
from nbtune.records import EvaluationRecord, WrongRow

Array = np.ndarray[Any, Any]
DECIDES = "f1_micro"
LONGEST_TEXT = 500
_RANKED_AT_ONCE = 4_000_000


def chosen(probabilities: Array, thresholds: Sequence[float] = ()) -> Array:
    """Return which rows are given which labels, as booleans of shape (rows, labels)."""
    return np.asarray(probabilities >= (np.asarray(thresholds) if len(thresholds) else 0.5))


def best_thresholds(targets: Array, probabilities: Array) -> tuple[float, ...]:
    """Return for each label the probability from which on F1 is highest on these rows.

    Few rows say little of a threshold, so a rare label takes the one that is best for micro F1.
    """
    shared = _best_threshold(targets.ravel(), probabilities.ravel())
    return tuple(
        _best_threshold(targets[:, k], probabilities[:, k])
        if targets[:, k].sum() >= FEWEST_POSITIVE
        else shared
        for k in range(targets.shape[1])
    )


def _best_threshold(targets: Array, probabilities: Array) -> float:
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(targets[order])
    scores = 2 * hits / (np.arange(1, len(order) + 1) + max(1, targets.sum()))
    ordered = probabilities[order]
    # A threshold can only stand between two different probabilities.
    ends = np.append(ordered[:-1] > ordered[1:], True)
    best = int(np.argmax(np.where(ends, scores, -1)))
    below = ordered[best + 1] if best + 1 < len(ordered) else 0.0
    return float((ordered[best] + below) / 2)


def weighted_scores(
    targets: Array, probabilities: Array, thresholds: Sequence[float] = ()
) -> Weighted:
    """Return how rows with these labels and probabilities are scored, by scikit-learn's names.

    Parameters
    ----------
    targets, probabilities : ndarray
        Of shape (rows, labels).
    """
    given = chosen(probabilities, thresholds)
    counts = [(targets & given), given, targets]
    hits, said, true = (each.astype(np.float64) for each in counts)
    exact = (targets == given).all(axis=1).astype(np.float64)
    wrong = (targets != given).mean(axis=1)
    ranking = _ranking_precision(targets, probabilities)
    columns = list(
        sorted_columns((targets[:, k], probabilities[:, k]) for k in range(targets.shape[1]))
    )

    def score(weights: Array) -> dict[str, Array]:
        weights = weights.astype(np.float64)
        total = weights.sum(axis=1)
        tp, predicted, positive = weights @ hits, weights @ said, weights @ true
        every = [each.sum(axis=1) for each in (tp, predicted, positive)]
        return {
            "f1_micro": _ratio(2 * every[0], every[1] + every[2]),
            "f1_macro": _ratio(2 * tp, predicted + positive).mean(axis=1),
            "precision_micro": _ratio(every[0], every[1]),
            "recall_micro": _ratio(every[0], every[2]),
            "subset_accuracy": weights @ exact / total,
            "lrap": weights @ ranking / total,
            "roc_auc": weighted_auc(weights, columns),
            "hamming_loss": weights @ wrong / total,
        }

    return score


def by_row(targets: Array, given: Array) -> Array:
    """Return the F1 of the labels of each row; 1 for one that has none and is given none."""
    both = (targets.sum(axis=1) + given.sum(axis=1)).astype(np.float64)
    found = 2.0 * (targets & given).sum(axis=1)
    return np.where(both > 0, found / np.maximum(both, 1), 1.0)


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _ranking_precision(targets: Array, probabilities: Array) -> Array:
    """Return the label ranking average precision of each row (Tsoumakas et al. 2010).

    A row without labels, or with all of them, counts 1, as in scikit-learn.
    """
    rows, labels = targets.shape
    found = np.ones(rows)
    step = max(1, _RANKED_AT_ONCE // max(1, labels**2))
    for start in range(0, rows, step):
        part = slice(start, start + step)
        own, likely = targets[part], probabilities[part]
        as_likely = likely[:, None, :] >= likely[:, :, None]
        rank = as_likely.sum(axis=2)
        hits = (as_likely & own[:, None, :]).sum(axis=2)
        count = own.sum(axis=1)
        mean = _ratio((hits / rank * own).sum(axis=1), count.astype(np.float64))
        found[part] = np.where((count == 0) | (count == labels), 1.0, mean)
    return found


def judge(
    run: str,
    split: str,
    labels: tuple[str, ...],
    targets: Array,
    said: tuple[Array, Sequence[float]],
    *,
    baselines: Mapping[str, tuple[Array, Sequence[float]]],
    texts: Sequence[str],
    rows: Sequence[int],
    errors: int = 20,
    rules: Sequence[str] = (),
) -> EvaluationRecord:
    """Judge probabilities and thresholds beside those of the baselines.

    Parameters
    ----------
    targets : ndarray of bool
        Of shape (rows, labels).
    said : tuple
        Probabilities of the same shape, and thresholds of shape (labels,), empty for one half.
    rules : sequence of str
        What somebody chose the thresholds for, by label.
    """
    probabilities, thresholds = said
    table, verdict = score_table(
        run,
        weighted_scores(targets, probabilities, thresholds),
        {name: weighted_scores(targets, *other) for name, other in baselines.items()},
        len(targets),
        DECIDES,
    )
    given = chosen(probabilities, thresholds)
    roc = roc_curves(targets, probabilities, labels)
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(targets),
        labels=labels,
        table=table,
        classes=of_marks(labels, targets, given, probabilities),
        roc=roc,
        pr=pr_curves(targets, probabilities, labels),
        errors=_wrong(targets, probabilities, thresholds, labels, texts, rows, errors),
        verdict=verdict,
        decides=DECIDES,
        calibration=of_chances(targets.ravel(), probabilities.ravel()),
        gain=gain_curves(roc, targets, labels),
        operating=operating_points(
            labels,
            targets,
            given,
            chosen(probabilities),
            thresholds,
            rules,
        ),
    )


def _wrong(
    targets: Array,
    probabilities: Array,
    thresholds: Sequence[float],
    labels: Sequence[str],
    texts: Sequence[str],
    rows: Sequence[int],
    most: int,
) -> tuple[WrongRow, ...]:
    """Return the rows with wrong labels, those first where the model was surest of its mistake."""
    given = chosen(probabilities, thresholds)
    sure = np.where(given, probabilities, 1 - probabilities)
    mistaken = np.where(given != targets, sure, 0).max(axis=1)
    worst = np.argsort(-mistaken, kind="stable")[: min(most, int((mistaken > 0).sum()))]
    return tuple(
        WrongRow(
            int(rows[i]),
            texts[i][:LONGEST_TEXT],
            named(targets[i], labels),
            named(given[i], labels),
            float(mistaken[i]),
        )
        for i in worst
    )


def named(marks: Array, labels: Sequence[str]) -> str:
    """Return the labels of a row in words."""
    return ", ".join(label for label, mark in zip(labels, marks, strict=True) if mark) or "none"
