"""Precision, recall, F1 and AUC label by label, with their intervals.

A row has a label or not and is given it or not, so drawing rows anew draws four counts a label
anew, and those are drawn at once, however many rows there are. Where rows hold several spans, or
count for a part of one, sums over the drawn rows are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import expit, logit

from nbtune.evaluation.bootstrap import FEWEST_ROWS, LEVEL, interval, resample, share
from nbtune.records import ClassScores, Score

Array = np.ndarray[Any, Any]
RESAMPLES = 1_000
UNKNOWN = Score(float("nan"))


def of_marks(
    labels: Sequence[str], targets: Array, given: Array, chances: Array
) -> tuple[ClassScores, ...]:
    """Return the scores of labels that rows have and are given.

    Parameters
    ----------
    targets, given : ndarray of bool
        Of shape (rows, labels).
    chances : ndarray of float
        How probable each label is of each row, of the same shape.
    """
    hits, said, true = ((targets & given).sum(axis=0), given.sum(axis=0), targets.sum(axis=0))
    found = _counted(hits, said, true, len(targets))
    return tuple(
        ClassScores(label, *found[k], auc(targets[:, k], chances[:, k]), int(true[k]))
        for k, label in enumerate(labels)
    )


def _counted(
    hits: Array, said: Array, true: Array, rows: int, seed: int = 0
) -> list[tuple[Score, Score, Score]]:
    """Return precision, recall and F1 of labels that have so many rows; arrays of (labels,)."""
    cells = np.stack([hits, said - hits, true - hits, rows - said - true + hits], axis=1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(rows, cells / max(1, rows), size=(RESAMPLES, len(hits)))
    own, wrong, missed = (drawn[..., k].astype(np.float64) for k in range(3))
    samples = (
        share(own, own + wrong),
        share(own, own + missed),
        share(2 * own, 2 * own + wrong + missed),
    )
    values = (share(hits, said), share(hits, true), share(2 * hits, said + true))
    counts = (said, true, said + true - hits)
    return [
        tuple(  # type: ignore[misc]
            _within(value[k], sample[:, k], int(count[k]))
            for value, sample, count in zip(values, samples, counts, strict=True)
        )
        for k in range(len(hits))
    ]


def of_rows(above: Array, below: Array) -> list[Score]:
    """Return shares whose counts above and below the line are summed over rows.

    Parameters
    ----------
    above, below : ndarray
        Of shape (rows, parts): what each row adds to each part.
    """
    rows, parts = above.shape
    sums = np.concatenate([above, below], axis=1).astype(np.float64)
    drawn = resample(lambda weights: {"": weights @ sums}, rows, parts, most=RESAMPLES)[""]
    samples = share(drawn[:, :parts], drawn[:, parts:])
    values = share(above.sum(axis=0), below.sum(axis=0))
    counts = (below > 0).sum(axis=0)
    return [_within(values[k], samples[:, k], int(counts[k])) for k in range(parts)]


def _within(value: float, samples: Array, rows: int) -> Score:
    """Return a share with its interval; samples in which nothing counts say nothing of it."""
    if not rows:
        return Score(0.0)
    found = interval(float(value), samples, rows)
    return found if found.low < found.high else Score(float(value))


def auc(positive: Array, scores: Array) -> Score:
    """Return the area under the ROC curve with its interval (DeLong et al. 1988).

    The interval is made of log-odds, so that it stays between 0 and 1. NaN unless some rows are
    positive and some are not.
    """
    if positive.all() or not positive.any():
        return UNKNOWN
    own, others = np.sort(scores[positive]), np.sort(scores[~positive])
    won, lost = _below(own, others), 1 - _below(others, own)
    area, fewer = float(won.mean()), min(len(own), len(others))
    if fewer < FEWEST_ROWS or not 0 < area < 1:
        return Score(area)
    spread = (won.var(ddof=1) / len(own) + lost.var(ddof=1) / len(others)) ** 0.5
    reach = stats.t.ppf((1 + LEVEL) / 2, fewer - 1) * spread / (area * (1 - area))
    low, high = expit(logit(area) + np.array([-reach, reach]))
    return Score(area, float(low), float(high))


def _below(scores: Array, others: Array) -> Array:
    """Return which share of the others, which are sorted, scores lower; equal ones count half."""
    places = np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")
    return np.asarray(places / (2 * len(others)))
