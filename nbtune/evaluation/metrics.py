"""Scores by scikit-learn's names: functions of targets, labels given, and probabilities."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sklearn import metrics as sk

from nbtune.evaluation.thresholds import given_labels

Array = np.ndarray[Any, Any]
Metric = Callable[[Array, Array, Array], float]
"""Targets and labels given of shape (rows,), probabilities of shape (rows, labels) to a score."""


def accuracy(targets: Array, given: Array) -> float:
    """Share of rows that are given the true label."""
    return float(np.mean(given == targets))


def roc_auc(targets: Array, probabilities: Array) -> float:
    """Area under the ROC curve: of the second label when there are two, else the mean over labels.

    Labels that no row has are left out of the mean (one against the rest; Hand and Till 2001
    discuss the alternatives); NaN when fewer than two labels are there.
    """
    if probabilities.shape[1] == 2:
        return binary_auc(targets == 1, probabilities[:, 1])
    present = [k for k in range(probabilities.shape[1]) if np.any(targets == k)]
    areas = [binary_auc(targets == k, probabilities[:, k]) for k in present]
    return float(np.mean(areas)) if areas else float("nan")


def binary_auc(positive: Array, scores: Array) -> float:
    """Area under the ROC curve; NaN unless some rows are positive and some are not."""
    if positive.all() or not positive.any():
        return float("nan")
    own, others = scores[positive], np.sort(scores[~positive])
    # Pairs in which the row that is positive scores higher; equal scores count half (Hanley 1982).
    wins = np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")
    return float(wins.sum() / (2 * len(own) * len(others)))


def log_loss(targets: Array, probabilities: Array) -> float:
    """Mean of minus the log of the probability of the true label, in nats."""
    labels = np.arange(probabilities.shape[1])
    return float(sk.log_loss(targets, probabilities, labels=labels))


def brier(targets: Array, probabilities: Array) -> float:
    """Mean squared distance of the probabilities from what came true (Brier 1950).

    The squares are summed over all labels, so that it lies between 0 and 2; with two labels they
    are those of one of them, between 0 and 1, as is usual and as scikit-learn does.
    """
    return float(np.mean(brier_of_rows(targets, probabilities)))


def brier_of_rows(targets: Array, probabilities: Array) -> Array:
    """Return what each row adds to the mean that is `brier`."""
    own = probabilities[np.arange(len(targets)), targets]
    squares = (probabilities**2).sum(axis=1) - own**2 + (1 - own) ** 2
    return np.asarray(squares / 2 if probabilities.shape[1] == 2 else squares)


def mcc(targets: Array, given: Array) -> float:
    """Matthews' correlation of true and given labels, for many classes (Gorodkin 2004)."""
    return float(sk.matthews_corrcoef(targets, given))


def _averaged(function: Callable[..., float], average: str) -> Metric:
    return _of_labels(
        lambda targets, given: float(function(targets, given, average=average, zero_division=0))
    )


def _of_labels(function: Callable[[Array, Array], float]) -> Metric:
    return lambda targets, given, probabilities: function(targets, given)


def _of_probabilities(function: Callable[[Array, Array], float]) -> Metric:
    return lambda targets, given, probabilities: function(targets, probabilities)


def top_k_accuracy(targets: Array, probabilities: Array, most: int) -> list[float]:
    """Return for k from 1 to ``most`` in how many rows the true label is among the k likeliest."""
    own = probabilities[np.arange(len(targets)), targets][:, None]
    before = np.arange(probabilities.shape[1]) < targets[:, None]
    # Of labels as likely the first one counts as likelier, as with argmax.
    rank = ((probabilities > own) | ((probabilities == own) & before)).sum(axis=1)
    return [float(np.mean(rank < k)) for k in range(1, most + 1)]


METRICS: dict[str, Metric] = {
    "accuracy": _of_labels(accuracy),
    "f1_macro": _averaged(sk.f1_score, "macro"),
    "f1_micro": _averaged(sk.f1_score, "micro"),
    "f1_weighted": _averaged(sk.f1_score, "weighted"),
    "precision_macro": _averaged(sk.precision_score, "macro"),
    "recall_macro": _averaged(sk.recall_score, "macro"),
    "roc_auc": _of_probabilities(roc_auc),
    "mcc": _of_labels(mcc),
    "log_loss": _of_probabilities(log_loss),
    "brier": _of_probabilities(brier),
}


def score(
    targets: Array,
    probabilities: Array,
    names: Iterable[str] | None = None,
    *,
    thresholds: Sequence[float] = (),
) -> dict[str, float]:
    """Return scores by name.

    Parameters
    ----------
    targets : ndarray of int
        Label ids of shape (rows,).
    probabilities : ndarray of float
        Shape (rows, labels).
    names : iterable of str, optional
        Which of `METRICS`; all by default.
    thresholds : sequence of float
        Of two labels; see `nbtune.evaluation.thresholds.given_labels`.
    """
    found = np.asarray(probabilities, dtype=np.float64)
    given, true = given_labels(found, thresholds), np.asarray(targets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: METRICS[name](true, given, found)
            for name in (METRICS if names is None else names)
        }
