"""How far a score could be off: percentile bootstrap over rows (Efron and Tibshirani 1993, 13).

A resample is a weight for every row, so all scores of all resamples come from weighted counts
and from one sorting of the rows; nothing is scored row by row again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nbtune.records import Score

Array = np.ndarray[Any, Any]
RESAMPLES = 1_000
FEWER_RESAMPLES = 200
MANY_CELLS = 1_000_000
"""From so many rows x labels on fewer resamples are made: intervals are narrow there anyway."""
LEVEL = 0.95
_CELLS_AT_ONCE = 20_000_000


def intervals(targets: Array, probabilities: Array, scores: dict[str, float]) -> dict[str, Score]:
    """Give each score its 95 % interval.

    Parameters
    ----------
    targets : ndarray of int
        Label ids of shape (rows,).
    probabilities : ndarray of float
        Shape (rows, labels).
    scores : dict
        The scores on these rows, by the names of `nbtune.evaluation.metrics.METRICS`.
    """
    if len(targets) < 2:
        return {name: Score(value) for name, value in scores.items()}
    samples = resampled(targets, probabilities)
    made = {}
    for name, value in scores.items():
        low, high = _bounds(samples[name])
        made[name] = Score(value, low, high)
    return made


def difference(targets: Array, ours: Array, theirs: Array, metric: str) -> Score:
    """Return how much better ``ours`` is than ``theirs`` on the same resamples of rows."""
    from nbtune.evaluation.metrics import METRICS

    value = METRICS[metric](targets, ours) - METRICS[metric](targets, theirs)
    if len(targets) < 2:
        return Score(value)
    samples = resampled(targets, ours)[metric] - resampled(targets, theirs)[metric]
    return Score(value, *_bounds(samples))


def _bounds(samples: Array) -> tuple[float, float]:
    finite = samples[np.isfinite(samples)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def resampled(targets: Array, probabilities: Array, seed: int = 0) -> dict[str, Array]:
    """Return every score on every resample, as arrays of shape (resamples,).

    The same seed draws the same rows, so two models are compared on the same resamples.
    """
    rows, labels = probabilities.shape
    resamples = RESAMPLES if rows * labels < MANY_CELLS else FEWER_RESAMPLES
    at_once = max(1, min(resamples, _CELLS_AT_ONCE // rows))
    rng = np.random.default_rng(seed)
    sorted_columns = list(_sorted_columns(targets, probabilities))
    parts = []
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        weights = rng.multinomial(rows, np.full(rows, 1 / rows), size=count).astype(np.float32)
        parts.append(_weighted_scores(weights, targets, probabilities, sorted_columns))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _weighted_scores(
    weights: Array,
    targets: Array,
    probabilities: Array,
    sorted_columns: list[tuple[Array, Array, Array]],
) -> dict[str, Array]:
    labels = probabilities.shape[1]
    predictions = probabilities.argmax(axis=1)
    counts = _confusions(weights, targets, predictions, labels)
    own = np.clip(probabilities[np.arange(len(targets)), targets], np.finfo(np.float64).eps, 1)
    return {
        **_from_confusions(counts),
        "log_loss": weights @ -np.log(own) / len(targets),
        "roc_auc": _weighted_auc(weights, sorted_columns),
    }


def _confusions(weights: Array, targets: Array, predictions: Array, labels: int) -> Array:
    """Sum the weights into confusion matrices of shape (resamples, labels, labels)."""
    cells = targets * labels + predictions
    order = np.argsort(cells, kind="stable")
    used, starts = np.unique(cells[order], return_index=True)
    sums = np.zeros((len(weights), labels * labels))
    sums[:, used] = np.add.reduceat(weights[:, order], starts, axis=1, dtype=np.float64)
    return sums.reshape(-1, labels, labels)


def _from_confusions(counts: Array) -> dict[str, Array]:
    total = counts.sum(axis=(1, 2))
    hits = np.einsum("rkk->rk", counts)
    true, predicted = counts.sum(axis=2), counts.sum(axis=1)
    precision, recall = _ratio(hits, predicted), _ratio(hits, true)
    f1 = _ratio(2 * hits, true + predicted)
    # As in scikit-learn: a label counts when a row has it or was given it.
    seen = (true + predicted) > 0
    right = hits.sum(axis=1)
    spread = (total**2 - (predicted**2).sum(axis=1)) * (total**2 - (true**2).sum(axis=1))
    covariance = right * total - (true * predicted).sum(axis=1)
    return {
        "accuracy": right / total,
        "f1_micro": right / total,
        "f1_macro": _mean(f1, seen),
        "f1_weighted": (f1 * true).sum(axis=1) / total,
        "precision_macro": _mean(precision, seen),
        "recall_macro": _mean(recall, seen),
        "mcc": _ratio(covariance, np.sqrt(spread)),
    }


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros_like(above, dtype=np.float64), where=below > 0)


def _mean(values: Array, where: Array) -> Array:
    return _ratio((values * where).sum(axis=1), where.sum(axis=1))


def _sorted_columns(targets: Array, probabilities: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Yield for each label: the order of its scores, who is positive, where equal scores end."""
    labels = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    for label in labels:
        positive = targets == label
        if positive.all() or not positive.any():
            continue
        order = np.argsort(probabilities[:, label], kind="stable")
        values = probabilities[order, label]
        ends = np.flatnonzero(np.append(values[1:] != values[:-1], True))
        yield order, positive[order].astype(np.float32), ends


def _weighted_auc(weights: Array, columns: list[tuple[Array, Array, Array]]) -> Array:
    """Mean over labels of the weighted Mann-Whitney statistic; equal scores count half."""
    areas = []
    for order, positive, ends in columns:
        own = weights[:, order]
        starts = np.concatenate([[0], ends[:-1] + 1])
        ups = np.add.reduceat(own * positive, starts, axis=1, dtype=np.float64)
        downs = np.add.reduceat(own * (1 - positive), starts, axis=1, dtype=np.float64)
        below = downs.cumsum(axis=1) - downs
        wins = (ups * (below + downs / 2)).sum(axis=1)
        pairs = ups.sum(axis=1) * downs.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            areas.append(wins / pairs)
    if not areas:
        return np.full(len(weights), np.nan)
    stacked = np.stack(areas)
    there = np.isfinite(stacked)
    sums, counts = np.where(there, stacked, 0).sum(axis=0), there.sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
