"""From which probability on a label is given: chosen on held-out rows, and what it decides.

Candidates are the corners of the convex hull of the ROC curve (Fawcett 2006, section 4). Any other
threshold is beaten by one of them, on average, or owes what it shows to the luck of a few rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.isotonic import isotonic_regression

from nbtune.errors import RunError
from nbtune.evaluation.calibration import wilson
from nbtune.records import USUAL, Choice, Decisions, OperatingPoint, Score

Array = np.ndarray[Any, Any]
FEWEST_POSITIVE = 5
"""With fewer rows that have a label nothing is known of its thresholds."""
FEWEST_GIVEN = 10
"""So many rows must be given a label before their precision is believed."""


def given_labels(probabilities: Array, thresholds: Sequence[float] = ()) -> Array:
    """Return the label id that each row is given: the likeliest, or of two by their thresholds.

    Parameters
    ----------
    probabilities : ndarray
        Of shape (rows, labels).
    thresholds : sequence of float
        Of two labels, which add up to 1; empty for the likeliest.
    """
    if not len(thresholds):
        return np.asarray(probabilities.argmax(axis=1))
    return np.asarray(probabilities[:, 1] >= thresholds[1]).astype(np.int64)


def choose(choice: Choice, has: Array, chances: Array) -> float:
    """Return the threshold that a choice means on these rows.

    Parameters
    ----------
    has : ndarray of bool
        Which rows have the label, of shape (rows,).
    chances : ndarray of float
        How probable that is thought, of the same shape.

    Raises
    ------
    RunError
        When too few rows have the label, or no threshold reaches the precision.
    """
    if choice.kind == "at":
        return choice.values[0]
    label, positive = choice.label, int(np.count_nonzero(has))
    if positive < FEWEST_POSITIVE or positive == len(has):
        raise RunError(
            f"threshold: {positive} of {len(has)} validation rows are {label}, too few to choose by"
            if positive < len(has)
            else f"threshold: all {len(has)} validation rows are {label}",
            hint="name a probability, such as --threshold 0.3, or train with a larger "
            "validation_size",
        )
    if choice.kind == "recall":
        return _for_recall(has, chances, choice.values[0])
    if choice.kind == "precision":
        return _for_precision(choice, has, chances)
    hits, given, thresholds = _corners(has, chances)
    if choice.kind == "cost":
        alarm, miss = choice.values
        return float(thresholds[np.argmin(alarm * (given - hits) + miss * (positive - hits))])
    return float(thresholds[np.argmax(2 * hits / (given + positive))])


def _corners(has: Array, chances: Array, least: int = 1) -> tuple[Array, Array, Array]:
    """Return hits, rows given the label, and the threshold below, at each corner of the hull.

    Corners are where the share of rows with the label, made to fall with the chances, falls. The
    first one gives the label to no row, the others to ``least`` or more.
    """
    levels, level_of = np.unique(-chances, return_inverse=True)
    rows, own = np.bincount(level_of), np.bincount(level_of, weights=has)
    first = min(int(np.searchsorted(np.cumsum(rows), least)), len(rows) - 1)
    rows, own = (np.append(each[: first + 1].sum(), each[first + 1 :]) for each in (rows, own))
    chance = -levels[first:]
    shares = isotonic_regression(own / rows, sample_weight=rows, increasing=False)
    ends = np.append(np.flatnonzero(np.diff(shares) < -1e-12), len(shares) - 1)
    below = (chance + np.append(chance[1:], 0.0)) / 2
    return (
        np.append(0, np.cumsum(own)[ends]),
        np.append(0, np.cumsum(rows)[ends]),
        np.append((1 - levels[0]) / 2, below[ends]),
    )


def _for_precision(choice: Choice, has: Array, chances: Array) -> float:
    """Return the threshold that finds most of the rows with the label at this precision."""
    hits, given, thresholds = (each[1:] for each in _corners(has, chances, FEWEST_GIVEN))
    precision = hits / given  # which falls from corner to corner
    reached = np.flatnonzero(precision >= choice.values[0])
    if len(reached):
        return float(thresholds[reached[-1]])
    found = 100 * hits[0] / np.count_nonzero(has)
    raise RunError(
        f"threshold: {choice} is not reached on the validation rows; the best is "
        f"{precision[0]:.3f}, where {found:.0f} % of {choice.label} are found",
        hint=f"ask for less: {choice.label}:precision={np.floor(100 * precision[0]) / 100:g}",
    )


def _for_recall(has: Array, chances: Array, wanted: float) -> float:
    """Return the threshold that new rows reach the recall with, in the mean over samples.

    One more row than is wanted of so many is asked for, as in conformal prediction (Vovk et al.
    2005, section 2.2).
    """
    falling = np.sort(chances[has])[::-1]
    needed = int(np.ceil(wanted * (len(falling) + 1) - 1e-9))
    if needed > len(falling):
        return 0.0
    lower = chances[chances < falling[needed - 1]]
    return float((falling[needed - 1] + (lower.max() if len(lower) else 0.0)) / 2)


def decisions(has: Array, given: Array, threshold: float) -> Decisions:
    """Count what was decided on rows, both of shape (rows,); intervals are Wilson's."""
    right, alarms = int((given & has).sum()), int((given & ~has).sum())
    misses = int((~given & has).sum())
    rest = len(has) - right - alarms - misses
    return Decisions(
        float(threshold), right, alarms, misses, rest,
        _share(right, right + alarms), _share(right, right + misses),
    )  # fmt: skip


def _share(right: int, rows: int) -> Score:
    return Score(right / rows, *wilson(right, rows)) if rows else Score(float("nan"))


def operating_points(
    labels: Sequence[str],
    targets: Array,
    given: Array,
    usual: Array,
    thresholds: Sequence[float] = (),
    rules: Sequence[str] = (),
) -> tuple[OperatingPoint, ...]:
    """Say of each label from where on it is given, and what that decides on these rows.

    Parameters
    ----------
    targets, given, usual : ndarray of bool
        Which rows have which labels, are given them, and would be from one half on; each of shape
        (rows, labels).
    thresholds : sequence of float
        By label; empty for one half.
    rules : sequence of str
        By label; empty where nobody chose.
    """
    return tuple(
        OperatingPoint(
            label,
            decisions(targets[:, k], given[:, k], thresholds[k] if len(thresholds) else USUAL),
            decisions(targets[:, k], usual[:, k], USUAL),
            rules[k] if len(rules) else "",
        )
        for k, label in enumerate(labels)
    )
