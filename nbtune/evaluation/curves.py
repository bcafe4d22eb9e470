"""ROC and precision-recall curves: of each label, and of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.integrate import trapezoid

from nbtune.records import Curve, CurveStop

Array = np.ndarray[Any, Any]
POINTS = 120
MOST_LABELS = 30
"""Curves are kept for so many labels, the worst ones; nobody can tell more apart."""


def roc_curves(targets: Array, probabilities: Array, labels: tuple[str, ...]) -> tuple[Curve, ...]:
    """Return ROC curves of the labels that some but not all rows have, then micro and macro.

    Targets are label ids of shape (rows,), or booleans of shape (rows, labels) where a row can
    have several.

    Micro takes every (row, label) pair as one decision; macro is the mean of the curves at the
    same false positive rate (Fawcett 2006, section 9).
    """
    hot = _hot(targets, probabilities)
    chosen = _columns(hot, targets)
    curves, points = [], []
    for k in chosen:
        x, y = roc_points(hot[:, k], probabilities[:, k])
        curves.append(_curve(labels[k], x, y, _area(x, y)))
        points.append((x, y))
    if len(chosen) < 2:
        return tuple(curves)
    x, y = roc_points(hot.ravel(), probabilities.ravel())
    grid = np.linspace(0, 1, 501)
    mean = np.mean([np.interp(grid, px, py) for px, py in points], axis=0)
    mean[0] = 0.0
    area = float(np.mean([curve.area for curve in curves]))
    micro = _curve("micro", x, y, _area(x, y), average=True)
    return (*_worst(curves), micro, _curve("macro", grid, mean, area, average=True))


def pr_curves(targets: Array, probabilities: Array, labels: tuple[str, ...]) -> tuple[Curve, ...]:
    """Return precision-recall curves as `roc_curves` does; areas are average precisions."""
    hot = _hot(targets, probabilities)
    chosen = _columns(hot, targets)
    curves = []
    for k in chosen:
        curves.append(_pr(labels[k], hot[:, k], probabilities[:, k]))
    if len(chosen) < 2:
        return tuple(curves)
    return (*_worst(curves), _pr("micro", hot.ravel(), probabilities.ravel(), average=True))


def gain_curves(roc: Sequence[Curve], targets: Array, labels: tuple[str, ...]) -> tuple[Curve, ...]:
    """Return for each label the share of its rows that is found among the likeliest rows.

    The curve is that of ROC with the rows that have the label counted among those looked at
    (Provost and Fawcett 2013, chapter 8).

    Parameters
    ----------
    roc : sequence of Curve
        What `roc_curves` gives for the same targets.
    """
    has = targets if targets.ndim == 2 else targets[:, None] == np.arange(len(labels))
    shares = dict(zip(labels, has.mean(axis=0), strict=True))
    curves = []
    for curve in roc:
        if curve.average:
            continue
        share, found = float(shares[curve.label]), np.array(curve.y)
        looked_at = share * found + (1 - share) * np.array(curve.x)
        area = share / 2 + (1 - share) * curve.area
        curves.append(_curve(curve.label, looked_at, found, area))
    return tuple(curves)


def roc_points(positive: Array, scores: Array) -> tuple[Array, Array]:
    """Return false and true positive rates from none of the rows to all of them."""
    false, true = _found(positive, scores)
    return false / false[-1], true / true[-1]


def _found(positive: Array, scores: Array) -> tuple[Array, Array]:
    """Count the rows without a label, and with it, that lie above each place where a curve bends.

    It bends only where a row with the label lies, and just above that, so the others are sorted by
    themselves, without the order in which they stood.
    """
    own, counts = np.unique(-scores[positive], return_counts=True)
    others = np.sort(-scores[~positive])
    true = np.cumsum(counts)
    above, upto = (np.searchsorted(others, own, side) for side in ("left", "right"))
    # Just above each of them, and with it; before all of them nothing, and after them everything.
    false = np.concatenate([[0], np.stack([above, upto], axis=1).ravel(), [len(others)]])
    hits = np.concatenate([[0], np.stack([true - counts, true], axis=1).ravel(), true[-1:]])
    moved = np.append(True, (np.diff(false) > 0) | (np.diff(hits) > 0))
    return false[moved], hits[moved]


def _area(x: Array, y: Array) -> float:
    return float(trapezoid(y, x))


def _pr(label: str, positive: Array, scores: Array, average: bool = False) -> Curve:
    false, true = _found(positive, scores)
    given, recall = false + true, true / true[-1]
    precision = np.divide(true, given, out=np.ones(len(true)), where=given > 0)
    area = float(np.sum(np.diff(recall) * precision[1:]))
    return _curve(label, recall, precision, area, average)


def _hot(targets: Array, probabilities: Array) -> Array:
    """Return which rows have which labels, of shape (rows, labels)."""
    if targets.ndim == 2:
        return targets
    hot = np.zeros(probabilities.shape, dtype=bool)
    hot[np.arange(len(targets)), targets] = True
    return hot


def _columns(hot: Array, targets: Array) -> list[int]:
    labels = [1] if hot.shape[1] == 2 and targets.ndim == 1 else range(hot.shape[1])
    return [k for k in labels if 0 < np.count_nonzero(hot[:, k]) < len(hot)]


def _worst(curves: list[Curve]) -> list[Curve]:
    if len(curves) <= MOST_LABELS:
        return curves
    kept = {id(curve) for curve in sorted(curves, key=lambda c: c.area)[:MOST_LABELS]}
    return [curve for curve in curves if id(curve) in kept]


def thinned(x: Array, y: Array, most: int) -> Array:
    """Return points of shape (2, at most ``most``), even along the curve so that corners stay."""
    if len(x) <= most:
        return np.stack([x, y])
    way = np.concatenate([[0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    picked = np.searchsorted(way, np.linspace(0, way[-1], most)).clip(0, len(x) - 1)
    picked[0], picked[-1] = 0, len(x) - 1
    picked = np.unique(picked)
    return np.stack([x[picked], y[picked]])


def _curve(label: str, x: Array, y: Array, area: float, average: bool = False) -> Curve:
    xs, ys = (tuple(np.round(values, 5).tolist()) for values in thinned(x, y, POINTS))
    return Curve(label, xs, ys, area, average)


def stops(has: Array, chances: Array, most: int = 40) -> list[CurveStop]:
    """Return thresholds of a label, the highest first, and what lies at or above each of them.

    Parameters
    ----------
    has : ndarray of bool
        Which rows have the label.
    chances : ndarray of float
        How probable it is of each row.
    most : int
        So many thresholds at most, about as far from each other on the ROC curve.
    """
    different = np.unique(-chances)
    order = np.argsort(-chances, kind="stable")
    given = np.searchsorted(-chances[order], different, "right")
    true = np.cumsum(has[order])[given - 1]
    recall = true / max(1, int(has.sum()))
    rate = (given - true) / max(1, int((~has).sum()))
    way = recall + rate
    chosen = np.unique(np.searchsorted(way, np.linspace(way[0], way[-1], most)))
    columns = (-different, given, rate, recall, true / given)
    found = (tuple(column[i].item() for column in columns) for i in chosen)
    return [CurveStop(*one) for one in found]
