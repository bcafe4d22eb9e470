"""What an evaluation looks like while a run trains: a small matrix, a curve, bars or dots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics as sk

from nbtune.evaluation.curves import roc_points, thinned

Array = np.ndarray[Any, Any]
MOST_LABELS = 30
"""More could not be told apart on a card, and would make the history long."""
MOST_POINTS = 60
MOST_BARS, MOST_DOTS = 12, 150
LONGEST_NAME = 80


LONGEST_SAMPLE = 400
"""Characters of a text that is kept with an evaluation."""


def sample(texts: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """Return ``samples`` of an `nbtune.events.Evaluated`, of what was given, true and written."""
    return {"samples": tuple(tuple(text[:LONGEST_SAMPLE] for text in row) for row in texts)}


def bars(names: Sequence[str], f1: Sequence[float]) -> dict[str, Any]:
    """Return ``bars`` of an `nbtune.events.Evaluated`, of the labels that are told worst."""
    worst = sorted(zip(names, f1, strict=True), key=lambda one: one[1])[:MOST_BARS]
    return {"bars": tuple((name[:LONGEST_NAME], round(float(value), 4)) for name, value in worst)}


def dots(across: Array, upwards: Array) -> dict[str, Any]:
    """Return ``dots`` of an `nbtune.events.Evaluated`, of some of the rows, evenly."""
    picked = np.unique(np.linspace(0, len(across) - 1, min(len(across), MOST_DOTS)).astype(int))
    points = zip(across[picked].tolist(), upwards[picked].tolist(), strict=True)
    finite = [point for point in points if np.isfinite(point).all()]
    return {"dots": tuple((float(f"{x:.4g}"), float(f"{y:.4g}")) for x, y in finite)}


def glance(targets: Array, probabilities: Array, given: Array) -> dict[str, Any]:
    """Return ``confusion`` and ``roc`` of an `nbtune.events.Evaluated`; empty with many labels.

    The curve is that of the second of two labels; of more, that of every (row, label) pair as one
    decision.

    Parameters
    ----------
    targets, given : ndarray of int
        Ids of the true labels and of those that are given, of shape (rows,).
    probabilities : ndarray of float
        Shape (rows, labels).
    """
    labels = probabilities.shape[1]
    if labels > MOST_LABELS or not len(targets):
        return {}
    counts = sk.confusion_matrix(targets, given, labels=range(labels))
    found = {"confusion": tuple(tuple(map(int, row)) for row in counts)}
    hot = np.eye(labels, dtype=bool)[targets]
    pairs = (
        (hot[:, 1], probabilities[:, 1]) if labels == 2 else (hot.ravel(), probabilities.ravel())
    )
    if not np.isfinite(pairs[1]).all() or pairs[0].all() or not pairs[0].any():
        return found
    points = np.round(thinned(*roc_points(*pairs), MOST_POINTS), 3).T
    return found | {"roc": tuple(map(tuple, points.tolist()))}
