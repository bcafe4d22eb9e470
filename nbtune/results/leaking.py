"""Rows to judge a run on that it had seen before: found by what they say, and left out once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nbtune.jobs.folders import read_rows
from nbtune.records import Leaked

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.results.run import Run
    from nbtune.tasks import Weighted

_MOST_RESAMPLES, _FEWEST_RESAMPLES = 200, 50
_WORK = 5_000_000
"""Rows x resamples; of many rows a few resamples tell how far a score could be off."""


def leaked_of(run: Run, rows: pd.DataFrame, split: str, weighted: Weighted) -> Leaked | None:
    """Return which of the rows a run had seen, with the scores of the others; None for none.

    Parameters
    ----------
    split : str
        Which of its rows these are, or ``data`` for others.
    weighted : callable
        How the rows are scored; see `nbtune.tasks.Weighted`.
    """
    if not len(rows):
        return None
    if split == "train":
        return Leaked(len(rows), len(rows), 0, {})
    says = run.task.rows.identity(rows)
    earlier = ("train",) if split == "validation" else ("train", "validation")
    known = {
        name: set(run.task.rows.identity(read_rows(run.folder, name)))
        for name in earlier
        if name in run.folder.about["rows"]
    }
    train = np.array([one in known.get("train", ()) for one in says])
    looked_at = np.array([one in known.get("validation", ()) for one in says]) & ~train
    kept = ~(train | looked_at)
    if kept.all():
        return None
    return Leaked(len(rows), int(train.sum()), int(looked_at.sum()), _scores(weighted, kept))


def _scores(weighted: Weighted, kept: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Score the rows that are kept: the others weigh nothing, so nothing is asked again."""
    from nbtune.evaluation.bootstrap import resample
    from nbtune.evaluation.tables import plain_scores, with_interval

    count = int(kept.sum())
    if not count:
        return {}

    def of_kept(weights: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
        spread = np.zeros((len(weights), len(kept)), dtype=weights.dtype)
        spread[:, kept] = weights
        return weighted(spread)

    most = min(_MOST_RESAMPLES, max(_FEWEST_RESAMPLES, _WORK // count))
    samples = resample(of_kept, count, most=most)
    values = plain_scores(of_kept, count)
    return {name: with_interval(value, samples[name], count) for name, value in values.items()}
