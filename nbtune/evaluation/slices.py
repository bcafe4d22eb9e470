"""Parts of the rows on which a model is worse than elsewhere, and whether that is chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.feature_extraction.text import CountVectorizer

from nbtune.evaluation.calibration import wilson
from nbtune.evaluation.pairing import holm
from nbtune.records import Score, Slice, Slices

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
    texts: Sequence[str], columns: pd.DataFrame, right: Array, by: str | None = None
) -> Slices:
    """Look for slices on which the model is worse, by length, column and frequent word.

    Each slice is tested against the other rows by the hypergeometric distribution (Fisher's exact
    test, one-sided), and p-values are adjusted for all slices by Holm, so that with a model that
    is equally good everywhere one is reported in at most 5 of 100 evaluations. One that is no
    worse outside the slices reported before it is left out.

    Parameters
    ----------
    columns : DataFrame
        What else is known of the rows: numbers, or texts of few different values.
    right : ndarray of bool
        Whether the model is right, of shape (rows,).
    by : str, optional
        A column, or ``length``, all of whose parts are returned as well.
    """
    lengths = np.array([len(text.split()) for text in texts])
    fit = [
        part
        for part in (*_parts(lengths, columns), *_by_word(texts))
        if FEWEST <= len(part.rows) <= len(texts) - FEWEST
    ]
    asked = [] if by is None else list(_by(by, lengths, columns))
    return Slices(by or "", tuple(_judged(asked, right)), tuple(_worst(fit, right)), len(fit))


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


def _judged(parts: Sequence[Part], right: Array) -> Iterator[Slice]:
    p_values = holm([_p_value(right[part.rows], right) for part in parts])
    for part, p_value in zip(parts, p_values, strict=True):
        own, rows = int(right[part.rows].sum()), len(part.rows)
        others = len(right) - rows
        rest = (int(right.sum()) - own) / others if others else float("nan")
        score = Score(own / rows, *wilson(own, rows))
        yield Slice(part.what, part.value, rows, score, rest, p_value)


def _worst(parts: Sequence[Part], right: Array) -> Iterator[Slice]:
    judged = list(_judged(parts, right))
    shown = [place for place, one in enumerate(judged) if one.p_value < LEVEL]
    outside = np.ones(len(right), dtype=bool)
    kept = 0
    for place in sorted(shown, key=lambda place: judged[place].p_value):
        rows = parts[place].rows
        left = rows[outside[rows]]
        if kept and _p_value(right[left], right[outside]) > LEVEL / len(shown):
            continue
        yield judged[place]
        kept += 1
        outside[rows] = False
        if kept == MOST_WORST:
            return


def _p_value(own: Array, all_rows: Array) -> float:
    """Return how surprising it is that so many of some rows are wrong, were they drawn blindly."""
    wrong = int((~own).sum())
    return float(stats.hypergeom.sf(wrong - 1, len(all_rows), int((~all_rows).sum()), len(own)))
