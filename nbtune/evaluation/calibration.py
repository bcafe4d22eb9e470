"""How far probabilities can be believed, and the temperature that makes them believable."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax
from sklearn.linear_model import LogisticRegression

from nbtune.records import Bin, Calibration

Array = np.ndarray[Any, Any]
BINS = 15
"""Of equal width, as Guo et al. 2017 have them."""
HOTTEST = 20.0
_LEAST = np.finfo(np.float64).tiny
_SAMPLES = 1_000


def fit_temperature(targets: Array, probabilities: Array) -> float:
    """Return what to divide logits by so that rows that were not trained on are likeliest.

    One number, which leaves the order of labels as it is (Guo et al. 2017, section 4.2). It stays
    1 where the rows do not show that another one is better: by a likelihood ratio test at 5 %,
    which a few rows, or rows that all are right, do not pass.

    Parameters
    ----------
    targets : ndarray of int
        Label ids of shape (rows,).
    probabilities : ndarray of float
        Shape (rows, labels), as the softmax of the logits gives them.
    """
    if not len(targets):
        return 1.0
    logits = np.log(np.maximum(probabilities, _LEAST))
    own = logits[np.arange(len(targets)), targets]

    def loss(log_temperature: float) -> float:
        heat = np.exp(log_temperature)
        return float((logsumexp(logits / heat, axis=1) - own / heat).sum())

    reach = np.log(HOTTEST)
    found = minimize_scalar(loss, bounds=(-reach, reach), method="bounded")
    gained = 2 * (loss(0.0) - float(found.fun))
    return float(np.exp(found.x)) if gained > stats.chi2.ppf(0.95, 1) else 1.0


def fit_logistic(values: Array, targets: Array, usual: tuple[float, float]) -> tuple[float, float]:
    """Return middle and width of the logistic that makes two labels of a number (Platt 1999).

    Parameters
    ----------
    values, targets : ndarray
        Numbers and label ids, 0 and 1, of shape (rows,).
    usual : tuple of float
        What stands where the numbers do not tell the labels apart in the way that it does.
    """
    if len(set(targets.tolist())) < 2:
        return usual
    # Standardised, so that the penalty on the slope means the same for all measures.
    mean, deviation = float(values.mean()), float(values.std()) or 1.0
    model = LogisticRegression(C=100).fit((values - mean)[:, None] / deviation, targets)
    slope, level = float(model.coef_[0, 0]) / deviation, float(model.intercept_[0])
    if slope * usual[1] <= 0 or abs(slope) < 1e-6:
        return usual
    return mean - level / slope, 1 / slope


def at_temperature(probabilities: Array, temperature: float) -> Array:
    """Return what probabilities would be if their logits were divided by ``temperature``."""
    logits = np.log(np.maximum(probabilities, _LEAST))
    return np.asarray(softmax(logits / temperature, axis=-1))


def calibrate(targets: Array, probabilities: Array, temperature: float = 1.0) -> Calibration:
    """Say of the most probable labels how sure the model is of them and how often they are right.

    Parameters
    ----------
    targets : ndarray of int
        Label ids of shape (rows,).
    probabilities : ndarray of float
        Shape (rows, labels).
    temperature : float
        What the logits of these probabilities were divided by.
    """
    hits = probabilities.argmax(axis=1) == targets
    found = of_chances(hits, probabilities.max(axis=1))
    if temperature == 1:
        return found
    raw = at_temperature(probabilities, 1 / temperature)
    ece = expected_error(reliability(hits, raw.max(axis=1)))
    return Calibration(temperature, found.ece, ece, found.chance, found.bins)


def of_chances(hits: Array, chances: Array, seed: int = 0) -> Calibration:
    """Say of decisions how probable they were thought and how often they came true.

    Parameters
    ----------
    hits : ndarray of bool
        What came true, of shape (decisions,).
    chances : ndarray of float
        How probable it was thought, of the same shape.
    """
    bins = reliability(hits, chances)
    ece = expected_error(bins)
    return Calibration(1.0, ece, ece, _by_chance(bins, seed), bins)


def reliability(hits: Array, chances: Array) -> tuple[Bin, ...]:
    """Return the bins that hold something, the least sure first; intervals are Wilson's (1927)."""
    place = np.clip(np.ceil(chances * BINS).astype(int) - 1, 0, BINS - 1)
    rows = np.bincount(place, minlength=BINS)
    sure = np.bincount(place, weights=chances, minlength=BINS)
    right = np.bincount(place, weights=hits.astype(float), minlength=BINS)
    return tuple(
        Bin(
            float(sure[k] / rows[k]),
            float(right[k] / rows[k]),
            *wilson(float(right[k]), int(rows[k])),
            int(rows[k]),
        )
        for k in np.flatnonzero(rows)
    )


def expected_error(bins: tuple[Bin, ...]) -> float:
    """Return the mean distance of probability and share over rows: the ECE (Naeini et al. 2015)."""
    rows = sum(one.rows for one in bins)
    if not rows:
        return float("nan")
    return sum(one.rows * abs(one.confidence - one.accuracy) for one in bins) / rows


def wilson(hits: float, rows: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share, which stays inside 0 and 1 (Wilson 1927)."""
    z = float(stats.norm.ppf((1 + level) / 2))
    share, weight = hits / rows, z * z / rows
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * (share * (1 - share) / rows + weight / (4 * rows)) ** 0.5
    # Rounding may leave 0 or 1 just outside, where the interval ends at the share itself.
    return max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach))


def _by_chance(bins: tuple[Bin, ...], seed: int) -> float:
    """Return what 95 % of the samples of a perfectly calibrated model stay under."""
    if not bins:
        return float("nan")
    rows = np.array([one.rows for one in bins])
    sure = np.array([one.confidence for one in bins])
    drawn = np.random.default_rng(seed).binomial(rows, sure, size=(_SAMPLES, len(bins)))
    errors = np.abs(drawn - rows * sure).sum(axis=1) / rows.sum()
    return float(np.quantile(errors, 0.95))
