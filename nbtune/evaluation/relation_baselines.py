"""Baselines for relations: the commonest one, and the words in, between and around both spans."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from nbtune.data.marks import parts_of
from nbtune.evaluation.kept import Kept, Tfidf, fit_tfidf
from nbtune.evaluation.label_baselines import fit_commonest, fit_logistic

Array = np.ndarray[Any, Any]
AROUND = 5
"""Words before and after both spans that count."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class TfidfRelations(Kept):
    """A logistic regression of words by where they stand; ``weights`` (features, labels)."""

    words: dict[str, int]
    idf: Array
    weights: Array
    bias: Array
    name: str = "TF-IDF of the words at the spans"

    def predict(self, rows: pd.DataFrame) -> Array:
        """Return probabilities of shape (rows, labels)."""
        features = Tfidf(self.words, self.idf).transform(list(map(at_spans, rows["text"])))
        return np.asarray(softmax(features @ self.weights + self.bias, axis=1))


def at_spans(text: str) -> str:
    """Return the words of a marked text, each with the place in which it stands.

    Examples
    --------
    >>> at_spans("Now the [E1] cat [/E1] sat on a [E2] mat [/E2].")
    'fromheadtotail before_now before_the head_cat between_sat between_on between_a tail_mat'
    """
    before, first, between, second, after, is_head = parts_of(text)
    names = ("head", "tail") if is_head else ("tail", "head")
    pieces = [
        ("before", _WORD.findall(before)[-AROUND:]),
        (names[0], _WORD.findall(first)),
        ("between", _WORD.findall(between)),
        (names[1], _WORD.findall(second)),
        ("after", _WORD.findall(after)[:AROUND]),
    ]
    order = f"from{names[0]}to{names[1]}"
    return " ".join([order, *(f"{place}_{word.lower()}" for place, own in pieces for word in own)])


def fit_relations(texts: Sequence[str], targets: Array, labels: int) -> tuple[Kept, ...]:
    """Fit both to marked texts and the ids of their labels, of shape (rows,)."""
    commonest = fit_commonest(targets, labels)
    where = list(map(at_spans, texts))
    if (tfidf := fit_tfidf(where)) is None:
        return (commonest,)
    weights, bias = fit_logistic(tfidf.transform(where), targets, labels)
    return commonest, TfidfRelations(tfidf.words, tfidf.idf, weights, bias)
