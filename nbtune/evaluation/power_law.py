"""How a score grows with the rows that are learnt from, and what more of them would bring.

Scores follow ``ceiling - amount * rows ** -exponent``, an inverse power law, fitted by least
squares (Figueroa, Zeng-Treitler, Kandula and Ngo 2012, "Predicting sample size required for
classification performance"; Cortes et al. 1993 for the shape).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtune.records import Band, PowerLaw, Score

Array = np.ndarray[Any, Any]
EXPONENTS = np.linspace(0.05, 2.0, 79)
FEWEST_SIZES = 3
LEAST_RISE = 1e-6
STEPS = 60


@dataclass(frozen=True)
class Forecast:
    """What a curve foretells, or in ``refusal`` why it foretells nothing."""

    law: PowerLaw
    band: Band
    gain: Score | None
    refusal: str = ""


def fit_power_law(rows: Array, scores: Array, cap: float = 1.0) -> PowerLaw:
    """Fit a power law that never falls and never passes ``cap``.

    Parameters
    ----------
    rows, scores : ndarray
        Shape (points,); of three different numbers of rows or more. More is better.
    cap : float
        The highest score that there can be.
    """
    ceiling, amount, exponent = _fit(rows, scores[None], cap)
    return PowerLaw(float(ceiling[0]), float(amount[0]), float(exponent[0]))


def _fit(rows: Array, scores: Array, cap: float) -> tuple[Array, Array, Array]:
    """Fit several curves at once: scores of shape (curves, points).

    For an exponent the rest is a straight line in ``rows ** -exponent``; the exponent is the best
    of `EXPONENTS`. Rows are counted in the largest number of them, so that powers stay near 1.
    """
    largest = rows.max()
    found: list[tuple[Array, Array, Array]] = []
    middle = scores.mean(axis=1)
    for exponent in EXPONENTS:
        x = (rows / largest) ** -exponent
        away = x - x.mean()
        slope = np.minimum(scores @ away / (away @ away), 0.0)
        ceiling = middle - slope * x.mean()
        over = ceiling > cap
        slope = np.where(over, np.minimum((scores - cap) @ x / (x @ x), 0.0), slope)
        ceiling = np.where(over, cap, ceiling)
        error = ((scores - ceiling[:, None] - slope[:, None] * x) ** 2).sum(axis=1)
        found.append((error, ceiling, -slope * largest**exponent))
    errors, ceilings, amounts = (np.stack(part) for part in zip(*found, strict=True))
    best = errors.argmin(axis=0)
    curves = np.arange(len(scores))
    return ceilings[best, curves], amounts[best, curves], EXPONENTS[best]


def foretell(
    rows: Array, scores: Array, samples: Array, more: int, *, cap: float = 1.0, seed: int = 0
) -> Forecast:
    """Fit a curve to scores and say what ``more`` rows would bring, with a 95 % interval.

    The interval is that of curves fitted to resampled scores: the same test rows are drawn for all
    points, and each point is moved by what trainings differ in, as the points scatter around the
    curve. It foretells nothing where the points scatter too much, or where those of fewer rows do
    not foretell the one of all rows.

    Parameters
    ----------
    rows, scores : ndarray
        Shape (points,), more is better; the point of all rows is the last.
    samples : ndarray
        Scores on resamples of the test rows, the same for all points: (points, resamples).
    """
    law = fit_power_law(rows, scores, cap)
    curves = _curves(rows, scores, samples, law, cap, seed)
    most = rows.max()
    gains = _at(curves, most + more) - _at(curves, most)
    gain = Score(
        float(law(most + more) - law(most)), *map(float, np.quantile(gains, [0.025, 0.975]))
    )
    refusal = _scatters(rows, scores, law) or _misses(rows, scores, samples, cap, seed)
    band = _band(law, curves, float(rows.min()), float(most + more), cap)
    return Forecast(law, band, None if refusal else gain, refusal)


def _scatter(rows: Array, scores: Array, law: PowerLaw) -> tuple[float, int]:
    """Return how far points stand from the curve, as a deviation, and by how many it is known."""
    free = max(1, len(rows) - FEWEST_SIZES)
    return float(np.sqrt(((scores - law(rows)) ** 2).sum() / free)), free


def _curves(
    rows: Array, scores: Array, samples: Array, law: PowerLaw, cap: float, seed: int
) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    deviation, free = _scatter(rows, scores, law)
    count = samples.shape[1]
    # How well a deviation is known that few points tell.
    widths = deviation * np.sqrt(free / rng.chisquare(free, size=count))
    moved = (
        law(rows)
        + (samples - scores[:, None]).T
        + rng.normal(size=(count, len(rows))) * (widths[:, None])
    )
    return _fit(rows, moved, cap)


def _at(curves: tuple[Array, Array, Array], rows: Array | float) -> Array:
    ceiling, amount, exponent = curves
    return np.asarray(ceiling - amount * np.power(rows, -exponent))


def _band(
    law: PowerLaw, curves: tuple[Array, Array, Array], first: float, last: float, cap: float
) -> Band:
    grid = np.geomspace(first, last, STEPS)
    spread = np.array([np.quantile(_at(curves, rows), [0.025, 0.975]) for rows in grid])
    if cap == 1:  # no share is below 0
        spread = np.maximum(spread, 0.0)
    columns = (grid, law(grid), spread[:, 0], spread[:, 1])
    return Band(*(tuple(map(float, column)) for column in columns))


def _scatters(rows: Array, scores: Array, law: PowerLaw) -> str:
    """Say so where no curve rises, or points stand further from it than a third of its rise."""
    deviation, _ = _scatter(rows, scores, law)
    rise = float(law(rows.max()) - law(rows.min()))
    if rise < LEAST_RISE:
        return "the score does not rise with the rows"
    if deviation <= rise / 3:
        return ""
    return (
        f"the points scatter by {deviation:.3f} around a curve that rises by {rise:.3f} in all; "
        "more draws of each share would tell more"
    )


def _misses(rows: Array, scores: Array, samples: Array, cap: float, seed: int) -> str:
    """Say so where the points of fewer rows foretell another score for all rows."""
    fewer = rows < rows.max()
    if len(np.unique(rows[fewer])) < FEWEST_SIZES:
        return ""
    law = fit_power_law(rows[fewer], scores[fewer], cap)
    curves = _curves(rows[fewer], scores[fewer], samples[fewer], law, cap, seed)
    deviation, _ = _scatter(rows[fewer], scores[fewer], law)
    rng = np.random.default_rng(seed + 1)
    said = _at(curves, rows.max()) + rng.normal(size=samples.shape[1]) * deviation
    came = float(scores[~fewer].mean())
    # The same test rows are drawn for the forecast and for what came.
    low, high = np.quantile(said - samples[~fewer].mean(axis=0), [0.025, 0.975]) + came
    if low <= came <= high:
        return ""
    # Scores of which less is better came as their negatives.
    told, low, high, came = (abs(one) for one in (law(rows.max()), low, high, came))
    return (
        f"the points of fewer rows foretell {told:.3f} ({min(low, high):.3f} to "
        f"{max(low, high):.3f}) for all of them, and {came:.3f} came: they are not on one curve"
    )
