"""Whether one model is better than another on the same rows, or only looks so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from nbtune.evaluation.bootstrap import FEWEST_ROWS, correction

Array = np.ndarray[Any, Any]


def mcnemar(first_right: Array, second_right: Array) -> tuple[int, int, float]:
    """Count the rows that only one of two models has right, and test the counts.

    The exact test of McNemar (1947): were both equally good, each such row would be a fair coin.

    Parameters
    ----------
    first_right, second_right : ndarray of bool
        Shape (rows,).

    Returns
    -------
    only_first, only_second : int
    p_value : float
        Two-sided; 1 where they are right on the same rows.
    """
    only_first = int(np.sum(first_right & ~second_right))
    only_second = int(np.sum(second_right & ~first_right))
    if only_first + only_second == 0:
        return 0, 0, 1.0
    p_value = stats.binomtest(only_first, only_first + only_second, 0.5).pvalue
    return only_first, only_second, float(p_value)


def p_value(value: float, samples: Array, rows: int) -> float:
    """Return how surprising a difference is if there is none: two-sided, by its resamples.

    It is the level at which the interval of `nbtune.evaluation.bootstrap.interval` begins to
    leave zero out, so that interval and test agree.

    Parameters
    ----------
    value : float
        The difference on the rows themselves.
    samples : ndarray
        The difference on each resample; NaN where a resample has none.
    rows : int
        How many rows were scored.
    """
    finite = samples[np.isfinite(samples)]
    if rows < FEWEST_ROWS or not len(finite):
        return float("nan")
    bias, widening = correction(value, finite, rows)
    share = np.mean(finite < 0) + np.mean(finite == 0) / 2
    least = 0.5 / len(finite)  # no resample beyond zero is not the same as never
    zero = stats.norm.ppf(np.clip(share, least, 1 - least))
    return float(min(1.0, 2 * stats.t.sf(abs(bias - zero) / widening, rows - 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for how many there are (Holm 1979); NaN stays and counts.

    Examples
    --------
    >>> [round(p, 2) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: (p_values[i] != p_values[i], p_values[i]))
    adjusted, highest = [float("nan")] * len(p_values), 0.0
    for rank, i in enumerate(order):
        if p_values[i] == p_values[i]:
            highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
            adjusted[i] = highest
    return adjusted


def over_seeds(samples: Array, seed: int = 0) -> Array:
    """Return the mean score of several seeds on each resample of the rows, seeds redrawn too.

    The means of k draws spread by (k - 1) / k too little (Davison and Hinkley 1997, 3.8); they
    are moved out by as much.

    Parameters
    ----------
    samples : ndarray
        Scores of shape (seeds, resamples), on the same resamples.

    Returns
    -------
    ndarray
        Shape (resamples,).
    """
    seeds, resamples = samples.shape
    if seeds == 1:
        return np.asarray(samples[0])
    drawn = np.random.default_rng(seed).integers(seeds, size=(seeds, resamples))
    means = samples.mean(axis=0)
    redrawn = np.take_along_axis(samples, drawn, axis=0).mean(axis=0)
    return np.asarray(means + (redrawn - means) * (seeds / (seeds - 1)) ** 0.5)
