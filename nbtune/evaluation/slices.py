"""Parts of the rows on which a model is worse than elsewhere, and whether that is chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import rankdata
from sklearn.feature_extraction.text import CountVectorizer

from nbtune.evaluation.bootstrap import resample
from nbtune.evaluation.calibration import wilson
from nbtune.evaluation.pairing import holm
from nbtune.evaluation.tables import RESAMPLES, with_interval
from nbtune.records import LOWER_IS_BETTER, RIGHT, Score, Slice, Slices

Array = np.ndarray[Any, Any]
LENGTH = "length"
FEWEST = 20
"""Rows of a slice, and of the rest; fewer show nothing once many slices are looked at."""
BINS = 4
MOST_WORDS = 200
MOST_WORST = 10
LEVEL = 0.05


@dataclass(frozen=True)
class Part:
    """Some rows, by their places, and what they have in common."""

    what: str
    value: str
    rows: Array


def slice_rows(
    texts: Sequence[str],
    columns: pd.DataFrame,
    scores: Array,
    by: str | None = None,
    *,
    measure: str = RIGHT,
) -> Slices:
    """Look for slices on which the model is worse, by length, column and frequent word.

    Each slice is tested against the other rows, one-sided: where rows are right or wrong by the
    hypergeometric distribution (Fisher's exact test), else by the ranks of their scores (Wilcoxon's
    test), which one row far off does not sway. P-values are adjusted for all slices by Holm, so
    that with a model that is equally good everywhere one is reported in at most 5 of 100
    evaluations. One that is no worse outside the slices reported before it is left out.

    Parameters
    ----------
    columns : DataFrame
        What else is known of the rows: numbers, or texts of few different values.
    scores : ndarray
        What each row scores by itself, of shape (rows,); NaN for rows that have no score.
    by : str, optional
        A column, or ``length``, all of whose parts are returned as well.
    measure : str
        What the scores are: ``right`` for whether the model is right, or their name.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if not (known := np.isfinite(scores)).all():
        texts = [text for text, has in zip(texts, known, strict=True) if has]
        columns, scores = columns[known] if len(columns) else columns, scores[known]
    scorer = Scorer(scores, measure)
    lengths = np.array([len(text.split()) for text in texts])
    fit = [
        part
        for part in (*_parts(lengths, columns), *_by_word(texts))
        if FEWEST <= len(part.rows) <= len(texts) - FEWEST
    ]
    asked = [] if by is None else list(_by(by, lengths, columns))
    return Slices(
        by or "",
        tuple(_judged(asked, scorer)),
        tuple(_worst(fit, scorer)),
        len(fit),
        measure=measure,
    )


def _parts(lengths: Array, columns: pd.DataFrame) -> Iterator[Part]:
    yield from _by(LENGTH, lengths, columns)
    for name in columns:
        if name != LENGTH:
            yield from _by(str(name), lengths, columns)


def _by(name: str, lengths: Array, columns: pd.DataFrame) -> Iterator[Part]:
    if name in columns:
        values, unit = columns[name], ""
    else:
        values, unit = pd.Series(lengths), " words"
    if not pd.api.types.is_numeric_dtype(values):
        for value, rows in values.groupby(values).indices.items():
            yield Part(name, str(value) or "(empty)", np.asarray(rows))
        return
    numbers = values.to_numpy(dtype=float)
    yield from _binned(name, numbers, unit)
    if len(missing := np.flatnonzero(np.isnan(numbers))):
        yield Part(name, "(missing)", missing)


def _binned(name: str, numbers: Array, unit: str) -> Iterator[Part]:
    """Give each of a few numbers a part, and of many each quarter of the rows."""
    known = numbers[~np.isnan(numbers)]
    distinct = np.unique(known)
    if len(distinct) <= 2 * BINS:
        for number in distinct:
            yield Part(name, f"{number:g}{unit}", np.flatnonzero(numbers == number))
        return
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)))
    place = np.searchsorted(edges[1:-1], numbers, side="left")
    for k in range(len(edges) - 1):
        rows = np.flatnonzero((place == k) & ~np.isnan(numbers))
        if len(rows):
            low, high = numbers[rows].min(), numbers[rows].max()
            span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            yield Part(name, f"{span}{unit}", rows)


def _by_word(texts: Sequence[str]) -> Iterator[Part]:
    counter = CountVectorizer(
        binary=True, min_df=FEWEST, max_df=max(FEWEST, len(texts) - FEWEST), max_features=MOST_WORDS
    )
    try:
        found = counter.fit_transform(texts).tocsc()
    except ValueError:  # no word is so frequent
        return
    for place, word in enumerate(counter.get_feature_names_out()):
        yield Part(
            "word", f"“{word}”", found.indices[found.indptr[place] : found.indptr[place + 1]]
        )


class Scorer:
    """What rows score by themselves; parts of them are compared with the rest."""

    def __init__(self, scores: Array, measure: str) -> None:
        self.scores = scores
        self.worth = -scores if measure in LOWER_IS_BETTER else scores
        is_plain = self.worth is scores
        self.is_counted = is_plain and bool(np.isin(scores, (0.0, 1.0)).all())

    def mean(self, rows: Array) -> Score:
        """Return the mean of some rows, with its interval."""
        own = self.scores[rows]
        value, count = float(own.mean()), len(rows)
        if self.is_counted:
            return Score(value, *wilson(float(own.sum()), count))
        found = resample(lambda weights: {"": weights @ own / count}, count, most=RESAMPLES)[""]
        return with_interval(value, found, count)

    def rest(self, rows: Array) -> float:
        """Return the mean of all other rows; NaN where there are none."""
        others = len(self.scores) - len(rows)
        left = float(self.scores.sum() - self.scores[rows].sum())
        return left / others if others else float("nan")

    def p_value(self, rows: Array, among: Array | None = None) -> float:
        """Return how surprising it is that some rows score so low, were they drawn blindly.

        Parameters
        ----------
        among : ndarray of bool, optional
            The rows that they could have been drawn from; by default all.
        """
        all_rows = self.worth if among is None else self.worth[among]
        own = self.worth[rows]
        if not len(own) or len(own) == len(all_rows):
            return 1.0
        if self.is_counted:
            wrong = len(own) - int(own.sum()), len(all_rows) - int(all_rows.sum())
            return float(stats.hypergeom.sf(wrong[0] - 1, len(all_rows), wrong[1], len(own)))
        ranks = self._ranks if among is None else rankdata(all_rows)
        places = rows if among is None else np.cumsum(among)[rows] - 1
        spread, left = ranks.std(), 1 - len(own) / len(all_rows)
        if not spread or own.mean() >= all_rows.mean():
            return 1.0
        # Where most rows score the same the rest of the ranks lie to one side, and so do their
        # sums: a normal distribution would call too much surprising (type III; Pearson 1895).
        aslant = float((((ranks - ranks.mean()) / spread) ** 3).mean())
        aslant *= (2 * left - 1) / (len(own) * left) ** 0.5
        apart = (ranks[places].mean() - ranks.mean()) / (spread * (left / len(own)) ** 0.5)
        return float(stats.pearson3.cdf(apart, aslant))

    @cached_property
    def _ranks(self) -> Array:
        return np.asarray(rankdata(self.worth))


def _judged(parts: Sequence[Part], scorer: Scorer) -> Iterator[Slice]:
    p_values = holm([scorer.p_value(part.rows) for part in parts])
    for part, p_value in zip(parts, p_values, strict=True):
        yield _slice(part, scorer, p_value)


def _slice(part: Part, scorer: Scorer, p_value: float) -> Slice:
    rows = part.rows
    return Slice(part.what, part.value, len(rows), scorer.mean(rows), scorer.rest(rows), p_value)


def _worst(parts: Sequence[Part], scorer: Scorer) -> Iterator[Slice]:
    p_values = holm([scorer.p_value(part.rows) for part in parts])
    shown = [place for place, p_value in enumerate(p_values) if p_value < LEVEL]
    outside = np.ones(len(scorer.scores), dtype=bool)
    kept = 0
    for place in sorted(shown, key=lambda place: p_values[place]):
        rows = parts[place].rows
        left = rows[outside[rows]]
        if kept and scorer.p_value(left, outside) > LEVEL / len(shown):
            continue
        yield _slice(parts[place], scorer, p_values[place])
        kept += 1
        outside[rows] = False
        if kept == MOST_WORST:
            return
