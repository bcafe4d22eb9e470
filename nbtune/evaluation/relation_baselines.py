"""Baselines for relations: the commonest one, and the words in, between and around both spans."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from nbtune.data.marks import parts_of
from nbtune.evaluation.kept import Kept, Tfidf, fit_tfidf

Array = np.ndarray[Any, Any]
AROUND = 5
"""Words before and after both spans that count."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Commonest(Kept):
    """Gives every row the label frequencies of the training rows, of shape (labels,)."""

    frequencies: Array
    name: str = "majority"

    def predict(self, rows: pd.DataFrame) -> Array:
        """Return probabilities of shape (rows, labels)."""
        return np.tile(self.frequencies, (len(rows), 1))


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
    counts = np.bincount(targets, minlength=labels)
    commonest = Commonest(counts / counts.sum())
    where = list(map(at_spans, texts))
    if (tfidf := fit_tfidf(where)) is None:
        return (commonest,)
    model = LogisticRegression(C=10, max_iter=200, tol=1e-3).fit(tfidf.transform(where), targets)
    weights, bias = model.coef_.T, model.intercept_
    if labels == 2:  # scikit-learn keeps the second label's log-odds only
        weights = np.concatenate([np.zeros_like(weights), weights], axis=1)
        bias = np.concatenate([np.zeros_like(bias), bias])
    return commonest, TfidfRelations(tfidf.words, tfidf.idf, weights, bias)
