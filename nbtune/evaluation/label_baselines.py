"""What baselines of single labels have in common: the commonest one, and a logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from nbtune.evaluation.kept import Kept

Array = np.ndarray[Any, Any]
MAJORITY = "majority"


@dataclass(frozen=True)
class Commonest(Kept):
    """Gives every row the label frequencies of the training rows, of shape (labels,)."""

    frequencies: Array
    name: str = MAJORITY

    def predict(self, rows: pd.DataFrame) -> Array:
        """Return probabilities of shape (rows, labels)."""
        return np.tile(self.frequencies, (len(rows), 1))


def fit_commonest(targets: Array, labels: int) -> Commonest:
    """Count the ids of labels, of shape (rows,)."""
    counts = np.bincount(targets, minlength=labels)
    return Commonest(counts / counts.sum())


def fit_logistic(
    features: Any, targets: Array, labels: int, *, max_iter: int = 200, seed: int | None = None
) -> tuple[Array, Array]:
    """Fit a logistic regression to the ids of labels, of which every one occurs.

    Parameters
    ----------
    features : matrix
        Of shape (rows, features).
    targets : ndarray of int
        Of shape (rows,).

    Returns
    -------
    weights, bias : ndarray
        Of shape (features, labels) and (labels,).
    """
    model = LogisticRegression(C=10, max_iter=max_iter, tol=1e-3, random_state=seed)
    model.fit(features, targets)
    weights, bias = model.coef_.T, model.intercept_
    if labels == 2:  # scikit-learn keeps the second label's log-odds only
        weights = np.concatenate([np.zeros_like(weights), weights], axis=1)
        bias = np.concatenate([np.zeros_like(bias), bias])
    return weights, bias
