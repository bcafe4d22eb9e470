"""Numbers: how far predictions are off, and how well they go along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from nbtune.evaluation.bootstrap import Weighted
from nbtune.evaluation.tables import score_table
from nbtune.records import EvaluationRecord, Scatter, WrongRow

Array = np.ndarray[Any, Any]
DECIDES = "rmse"
LONGEST_TEXT = 500
MOST_POINTS = 1_000


def weighted_scores(targets: Array, predictions: Array, steps: Sequence[float] = ()) -> Weighted:
    """Return how rows with these numbers are scored.

    Correlations of constants are 0. Spearman's is that of the ranks among all rows, which resamples
    keep. Numbers that are ``steps``, from the lowest to the highest, are judged as such as well:
    by Cohen's kappa with quadratic weights (Cohen 1968), and by how many are right once rounded.
    """
    whole = rounded(predictions, steps) if steps else None
    apart = np.abs(targets - predictions)
    ranks = rankdata(targets), rankdata(predictions)

    def score(weights: Array) -> dict[str, Array]:
        shares = weights / weights.sum(axis=1, keepdims=True)
        squared = shares @ apart**2
        found = {
            "rmse": np.sqrt(squared),
            "mae": shares @ apart,
            "pearson": _correlation(shares, targets, predictions),
            "spearman": _correlation(shares, *ranks),
            "r2": 1 - _ratio(squared, _covariance(shares, targets, targets)),
        }
        if whole is None:
            return found
        right = shares @ (targets == whole).astype(float)
        return found | {"quadratic_kappa": _kappa(shares, targets, whole), "accuracy": right}

    return score


def rounded(numbers: Array, steps: Sequence[float]) -> Array:
    """Return the nearest whole numbers that are not beyond the lowest and the highest one.

    Examples
    --------
    >>> rounded(np.array([0.2, 2.5, 3.5, 9.0]), (1, 5)).tolist()
    [1.0, 3.0, 4.0, 5.0]
    """
    # Halves go up: to the even one, as numpy rounds, two neighbours would get more than theirs.
    return np.clip(np.floor(numbers + 0.5), steps[0], steps[1])


def _kappa(shares: Array, one: Array, other: Array) -> Array:
    """Return how much less two judges are apart than by chance, by squares; 0 for constants."""
    means = (shares @ one - shares @ other) ** 2
    chance = _covariance(shares, one, one) + _covariance(shares, other, other)
    chance = chance + means
    apart = shares @ (one - other) ** 2
    return np.where(chance > 1e-12, 1 - _ratio(apart, chance), 0.0)


def _covariance(shares: Array, one: Array, other: Array) -> Array:
    # About the means of all rows, so that large numbers do not cancel.
    one, other = one - one.mean(), other - other.mean()
    return np.asarray(shares @ (one * other) - (shares @ one) * (shares @ other))


def _correlation(shares: Array, one: Array, other: Array) -> Array:
    spread = _covariance(shares, one, one) * _covariance(shares, other, other)
    return _ratio(_covariance(shares, one, other), np.sqrt(np.maximum(spread, 0)))


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 1e-12)


def judge(
    run: str,
    split: str,
    targets: Array,
    said: Array,
    *,
    baselines: Mapping[str, Array],
    texts: Sequence[str],
    rows: Sequence[int],
    errors: int = 20,
    decides: str = DECIDES,
    steps: Sequence[float] = (),
) -> EvaluationRecord:
    """Judge numbers beside those of the baselines, all of shape (rows,)."""
    table, verdict = score_table(
        run,
        weighted_scores(targets, said, steps),
        {name: weighted_scores(targets, other, steps) for name, other in baselines.items()},
        len(targets),
        decides,
    )
    worst = np.argsort(-np.abs(targets - said), kind="stable")[:errors]
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(targets),
        table=table,
        errors=tuple(
            WrongRow(
                int(rows[i]),
                texts[i][:LONGEST_TEXT],
                f"{targets[i]:.4g}",
                f"{said[i]:.4g}",
                float("nan"),
            )
            for i in worst
            if targets[i] != said[i]
        ),
        verdict=verdict,
        decides=decides,
        scatter=_scatter(targets, said),
    )


def _scatter(targets: Array, said: Array) -> Scatter:
    picked = np.unique(np.linspace(0, len(targets) - 1, min(len(targets), MOST_POINTS)).astype(int))
    return Scatter(
        tuple(np.round(targets[picked], 6).tolist()), tuple(np.round(said[picked], 6).tolist())
    )
