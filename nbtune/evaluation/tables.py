"""Models on the same rows, score by score, and who wins: from scores of weighted rows.

A task says how rows that count so many times each are scored. Rows that count once give the
score, rows drawn with replacement its interval; see `nbtune.evaluation.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nbtune.evaluation.bootstrap import FEWEST_ROWS, Weighted, interval, resample_all
from nbtune.records import LOWER_IS_BETTER, Judged, Score, worth

Array = np.ndarray[Any, Any]
RESAMPLES = 500


def plain_scores(weighted: Weighted, rows: int) -> dict[str, float]:
    """Return the scores of rows that count once each."""
    if not rows:
        return {}
    found = weighted(np.ones((1, rows)))
    return {name: float(values[0]) for name, values in found.items()}


def score_table(
    run: str, weighted: Weighted, baselines: Mapping[str, Weighted], rows: int, decides: str
) -> tuple[tuple[Judged, ...], str]:
    """Return the table, baselines first, and who wins by the score that ``decides``."""
    models = [*((name, "baseline", each) for name, each in baselines.items())]
    models.append((run, "model", weighted))
    samples = resample_all([each for _, _, each in models], rows, most=RESAMPLES)
    table = tuple(
        Judged(
            name,
            kind,
            {
                score: with_interval(value, own[score], rows)
                for score, value in plain_scores(each, rows).items()
            },
        )
        for (name, kind, each), own in zip(models, samples, strict=True)
    )
    return table, verdict(table, samples, rows, decides)


def with_interval(value: float, samples: Array, rows: int) -> Score:
    """Return a score with the interval that its resamples give it."""
    found = interval(value, samples, rows)
    # A score that no resample changes (not one row is wrong) does not show its own spread.
    return found if found.low < found.high else Score(value)


def verdict(
    table: Sequence[Judged], samples: Sequence[Mapping[str, Array]], rows: int, decides: str
) -> str:
    """Say who wins, the model or the best baseline, by their paired resamples."""
    if len(table) < 2:
        return "There is no baseline to compare with."
    values = [judged.scores[decides].value for judged in table]
    best = max(range(len(values) - 1), key=lambda one: worth(decides, values[one]))
    run, rival = table[-1].name, table[best].name
    sign = -1 if decides in LOWER_IS_BETTER else 1
    apart = sign * (samples[-1][decides] - samples[best][decides])
    gap = interval(sign * (values[-1] - values[best]), apart, rows)
    if gap.low > 0:
        span = f"{distance(gap.low)} to {distance(gap.high)}"
        return f"{run} beats {rival} by {distance(gap.value)} {decides} (95 %: {span})."
    if gap.high < 0:
        span = f"{distance(-gap.high)} to {distance(-gap.low)}"
        return f"{run} loses to {rival} by {distance(-gap.value)} {decides} (95 %: {span})."
    span = f", 95 %: {gap.low:+.3f} to {gap.high:+.3f}" if rows >= FEWEST_ROWS else ""
    return f"{run} better than {rival}: not shown (difference in {decides} {gap.value:+.3f}{span})."


def distance(gap: float) -> str:
    """Write a difference; a perplexity can be thousands off."""
    return f"{gap:,.0f}" if abs(gap) >= 100 else f"{gap:.3f}"
