"""Rows whose label is in doubt: the model is surer of another one (Northcutt et al. 2021)."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def label_margins(targets: Array, probabilities: Array) -> Array:
    """Return by how much each row's own label is likelier than any other, from -1 to 1.

    Parameters
    ----------
    targets : ndarray of int
        Label ids of shape (rows,).
    probabilities : ndarray of float
        Shape (rows, labels), of a model that did not learn these labels by heart.
    """
    rows = np.arange(len(targets))
    others = probabilities.copy()
    others[rows, targets] = -np.inf
    return np.asarray(probabilities[rows, targets] - others.max(axis=1, initial=0.0))


def suspects(targets: Array, probabilities: Array) -> Array:
    """Return which rows confident learning takes for mislabelled.

    A label counts as meant where it is at least as probable as it is, in the mean, on the rows
    that have it; a row is a suspect when the likeliest of those is another one than its own
    (Northcutt, Jiang and Chuang 2021, section 3.1), and its own is not the likeliest of all.
    """
    labels = probabilities.shape[1]
    usual = np.full(labels, 2.0)
    for k in np.unique(targets):
        usual[k] = probabilities[targets == k, k].mean()
    meant = np.where(probabilities >= usual - 1e-6, probabilities, 0)
    others = (meant.argmax(axis=1) != targets) & (probabilities.argmax(axis=1) != targets)
    return np.asarray((meant.max(axis=1, initial=0.0) > 0) & others)
