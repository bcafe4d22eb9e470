"""How far a score could be off: bootstrap over rows (Efron and Tibshirani 1993, chapter 14).

A resample is a weight for every row, so all scores of all resamples come from weighted counts
and from one sorting of the rows; nothing is scored row by row again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy import sparse, stats

from nbtune.evaluation.metrics import brier_of_rows
from nbtune.evaluation.thresholds import given_labels
from nbtune.records import Score

Array = np.ndarray[Any, Any]
Weighted = Callable[[Array], dict[str, Array]]
"""Weights of shape (resamples, rows) to scores of shape (resamples,)."""
LEVEL = 0.95
MOST_RESAMPLES, FEWEST_RESAMPLES = 1_000, 200
FEWEST_ROWS = 6
"""Below this nothing is known at 95 %: five rows of one kind are a matter of chance."""
_WORK = 100_000_000
"""Rows x labels x resamples; more rows have narrower intervals, which need fewer resamples."""
_CELLS_AT_ONCE = 20_000_000
_MOST_EXACT = 50_000
"""Rows x labels whose areas are found exactly on every resample."""
_LABELS_AT_ONCE = 50


def interval(value: float, samples: Array, rows: int) -> Score:
    """Return a score, or a difference of two, with its 95 % interval.

    Percentiles of the resamples, corrected for their bias (Efron 1981), which is large for means
    over many rare labels, and a little further out, as t quantiles lie further out than normal
    ones: plain percentiles are too narrow with few rows (Hesterberg 2015, section 5.3).

    Parameters
    ----------
    samples : ndarray
        Its value on each resample; NaN where a resample has none.
    rows : int
        How many rows were scored.
    """
    finite = samples[np.isfinite(samples)]
    if rows < FEWEST_ROWS or not len(finite):
        return Score(value)
    bias, widening = correction(value, finite, rows)
    reach = stats.t.ppf((1 + LEVEL) / 2, rows - 1) * widening
    low, high = np.quantile(finite, stats.norm.cdf([bias - reach, bias + reach]))
    return Score(value, float(low), float(high))


def correction(value: float, samples: Array, rows: int) -> tuple[float, float]:
    """Return by how many deviations the quantiles move for bias, and what widens them."""
    below = np.mean(samples < value) + np.mean(samples == value) / 2
    bias = 2 * stats.norm.ppf(np.clip(below, 0.16, 0.84))  # beyond one deviation it runs away
    return float(bias), (rows / (rows - 1)) ** 0.5


def resample(
    weighted: Weighted, rows: int, labels: int = 1, *, most: int = MOST_RESAMPLES, seed: int = 0
) -> dict[str, Array]:
    """Return every score on every resample of the rows, as arrays of shape (resamples,).

    The same seed draws the same rows, so that two models can be compared resample by resample.

    Parameters
    ----------
    labels : int
        With many of them a resample is dear, and there are fewer.
    """
    count = int(np.clip(_WORK // max(1, rows * labels), FEWEST_RESAMPLES, most))
    at_once = max(1, _CELLS_AT_ONCE // max(rows, labels**2, 1))
    rng = np.random.default_rng(seed)
    parts = [
        weighted(draw(rng, min(at_once, count - start), rows)) for start in range(0, count, at_once)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def resample_all(
    models: Sequence[Weighted], rows: int, labels: int = 1, *, most: int = MOST_RESAMPLES
) -> list[dict[str, Array]]:
    """Return what `resample` does for several models; each resample is drawn once for all."""

    def every(weights: Array) -> dict[str, Array]:
        found = [weighted(weights) for weighted in models]
        return {f"{i} {name}": own for i, one in enumerate(found) for name, own in one.items()}

    parts: list[dict[str, Array]] = [{} for _ in models]
    for key, samples in resample(every, rows, labels, most=most).items():
        place, _, name = key.partition(" ")
        parts[int(place)][name] = samples
    return parts


def weighted_labels(
    targets: Array, probabilities: Array, thresholds: Sequence[float] = ()
) -> Weighted:
    """Return how rows with one label each are scored.

    Parameters
    ----------
    targets : ndarray of int
        Label ids of shape (rows,).
    probabilities : ndarray of float
        Shape (rows, labels).
    thresholds : sequence of float
        Of two labels; see `nbtune.evaluation.thresholds.given_labels`.
    """
    labels = probabilities.shape[1]
    columns = list(sorted_columns(_cases(targets, probabilities)))
    given = given_labels(probabilities, thresholds)
    eps = np.finfo(np.float64).eps  # as scikit-learn clips
    own = np.clip(probabilities[np.arange(len(targets)), targets], eps, 1 - eps)
    of_rows = np.stack([-np.log(own), brier_of_rows(targets, probabilities)], axis=1)

    def score(weights: Array) -> dict[str, Array]:
        means = weights @ of_rows / weights.sum(axis=1, keepdims=True)
        return {
            **from_confusions(confusions(weights, targets, given, labels)),
            "log_loss": means[:, 0],
            "brier": means[:, 1],
            "roc_auc": weighted_auc(weights, columns),
        }

    return score


def resampled(
    targets: Array, probabilities: Array, *, thresholds: Sequence[float] = ()
) -> dict[str, Array]:
    """Return every score of rows with one label each on every resample; see `weighted_labels`."""
    return resample(weighted_labels(targets, probabilities, thresholds), *probabilities.shape)


def draw(rng: np.random.Generator, resamples: int, rows: int) -> Array:
    """Return how often each row is drawn, of shape (resamples, rows)."""
    drawn = [np.bincount(rng.integers(rows, size=rows), minlength=rows) for _ in range(resamples)]
    return np.array(drawn, dtype=np.float32)


def confusions(weights: Array, targets: Array, predictions: Array, labels: int) -> Array:
    """Sum the weights into confusion matrices of shape (resamples, labels, labels)."""
    cells = targets * labels + predictions
    return _sums(np.ascontiguousarray(weights.T), cells, labels**2).reshape(-1, labels, labels)


def _sums(weights: Array, bins: Array, count: int) -> Array:
    """Add up weights of shape (rows, resamples) by the bins of rows; (resamples, bins), float64.

    As a product with a sparse matrix of ones, which reads the weights of a row as they lie: a
    third of the time of sorting them. Weights are how often rows are drawn, so sums are exact.
    """
    ones = sparse.csr_array(
        (np.ones(len(bins), weights.dtype), (bins, np.arange(len(bins)))), (count, len(bins))
    )
    return np.asarray((ones @ weights).T, dtype=np.float64)


def from_confusions(counts: Array) -> dict[str, Array]:
    """Return the scores of confusion matrices of shape (resamples, labels, labels)."""
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


Column = tuple[Array, Array, Array, Array]
"""Rows with a label, rows without it by their score, and for each row that has it: how many of the
others score lower, and how many lower or the same."""


def _cases(targets: Array, probabilities: Array) -> Iterator[tuple[Array, Array]]:
    """Yield which rows have a label, and its probabilities, for each label that is scored."""
    labels = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    return ((targets == label, probabilities[:, label]) for label in labels)


def sorted_columns(cases: Iterable[tuple[Array, Array]]) -> Iterator[Column]:
    """Sort the rows by each label's probabilities; a label that none or all have is left out.

    Parameters
    ----------
    cases : iterable of (ndarray of bool, ndarray)
        Which rows have a label, and the probabilities that they do, both of shape (rows,).
    """
    for has, scores in cases:
        with_it, others = np.flatnonzero(has), np.flatnonzero(~has)
        if not len(with_it) or not len(others):
            continue
        # In their order, so that places are looked up one beside the other.
        with_it, others = (each[np.argsort(scores[each])] for each in (with_it, others))
        ranked = scores[others]
        lower = np.searchsorted(ranked, scores[with_it], "left")
        upper = np.searchsorted(ranked, scores[with_it], "right")
        yield with_it, others.astype(np.int32), lower, upper


def weighted_auc(weights: Array, columns: list[Column]) -> Array:
    """Mean over labels of the weighted Mann-Whitney statistic; equal scores count half.

    A label that a resample has in no row, or in all, is left out of its mean. Many resamples of
    many rows are scored to first order around their mean; see `_areas_nearby`.
    """
    sums, counts = np.zeros(len(weights)), np.zeros(len(weights))
    is_exact = len(weights) == 1 or weights.shape[1] * len(columns) <= _MOST_EXACT
    for areas in (_areas if is_exact else _areas_nearby)(weights, columns):
        known = np.isfinite(areas)
        sums += np.where(known, areas, 0.0)
        counts += known
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _areas(weights: Array, columns: list[Column]) -> Iterator[Array]:
    """Yield for each label its area on each resample."""
    by_row = np.ascontiguousarray(weights.T)
    for with_it, others, lower, upper in columns:
        # Others are added up between the places that are asked for, not one by one.
        asked = np.unique(np.concatenate([[0], lower, upper, [len(others)]]))
        bins = np.zeros(weights.shape[1], dtype=np.intp)  # rows that are none of them are in 0
        bins[others] = np.searchsorted(asked, np.arange(len(others)), "right")
        sums_between = _sums(by_row, bins, len(asked))
        sums_between[:, 0] = 0
        below = np.cumsum(sums_between, axis=1)
        lower, upper = np.searchsorted(asked, lower), np.searchsorted(asked, upper)
        own = by_row[with_it].T.astype(np.float64)
        wins = (own * (below[:, lower] + below[:, upper])).sum(axis=1) / 2
        yield share(wins, own.sum(axis=1) * below[:, -1])


def _areas_nearby(weights: Array, columns: list[Column]) -> Iterator[Array]:
    """Yield the same where resamples differ little from their mean, as those of many rows do.

    What a row adds is taken from the others as they are in the mean (Hajek 1968; DeLong et al.
    1988), so that all resamples of all labels are three products of matrices. What that leaves
    out is smaller than what remains by the root of the number of rows of the commoner kind.
    """
    every = weights.sum(axis=1, dtype=np.float64)
    mean = weights.sum(axis=0, dtype=np.float64)  # of whole numbers, so that a perfect area is 1
    for start in range(0, len(columns), _LABELS_AT_ONCE):
        some = columns[start : start + _LABELS_AT_ONCE]
        has, missed, passed = np.zeros((3, weights.shape[1], len(some)), weights.dtype)
        base = np.zeros(len(some))
        for k, (with_it, others, lower, upper) in enumerate(some):
            own = mean[with_it]
            below = np.append(0, np.cumsum(mean[others]))
            lost = _ratio(2 * below[-1] - below[lower] - below[upper], 2 * below[-1:])
            counts = np.bincount(lower, own, len(below)) + np.bincount(upper, own, len(below))
            above = np.cumsum(counts[::-1])[::-1]  # own that lie from there on, twice
            has[with_it, k], missed[with_it, k] = 1, lost
            passed[others, k] = 1 - _ratio(above[1:], 2 * own.sum(keepdims=True))
            base[k] = (own * lost).sum() / max(1.0, own.sum())
        there = (weights @ has).astype(np.float64)
        lost = share(weights @ missed, there) + share(weights @ passed, every[:, None] - there)
        yield from (1 + base - lost).T


def share(above: Array, below: Array) -> Array:
    """Return one number divided by the other; NaN where there is nothing to divide by."""
    nothing = np.full(below.shape, np.nan)
    return np.asarray(np.divide(above, below, out=nothing, where=below > 0))
