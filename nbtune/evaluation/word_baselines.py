"""Baselines for words with a tag each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from nbtune.data.ragged import Ragged
from nbtune.data.spans import OUTSIDE
from nbtune.evaluation.kept import Kept

Array = np.ndarray[Any, Any]
MOST_WORDS = 60_000
"""Words of the training rows that the regression learns from."""


@dataclass(frozen=True)
class FrequentTag(Kept):
    """Gives every word the tags that it had in the training rows, and others those of all.

    ``shares`` has the shape (words + 1, labels), the last row for words never seen.
    """

    words: dict[str, int]
    shares: Array
    name: str = "most frequent tag of the word"

    def predict(self, rows: pd.DataFrame) -> Ragged:
        """Return probabilities, rows of shape (words, labels)."""
        unseen = len(self.words)
        return Ragged.of(
            [
                self.shares[[self.words.get(word.lower(), unseen) for word in words]]
                for words in rows["tokens"]
            ]
        )


@dataclass(frozen=True)
class WordRegression(Kept):
    """A logistic regression on what a word and its neighbours look like.

    ``weights`` has the shape (features, labels).
    """

    features: dict[str, int]
    weights: Array
    bias: Array
    name: str = "word features + logistic regression"

    def predict(self, rows: pd.DataFrame) -> Ragged:
        """Return probabilities, rows of shape (words, labels)."""
        vectorizer = DictVectorizer()
        vectorizer.vocabulary_ = self.features
        vectorizer.feature_names_ = sorted(self.features, key=self.features.__getitem__)
        every = features_of(rows)
        found = softmax(vectorizer.transform(every) @ self.weights + self.bias, axis=1)
        lengths = [len(words) for words in rows["tokens"]]
        return Ragged(found, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def fit_tagging(rows: pd.DataFrame, labels: Sequence[str]) -> tuple[Kept, ...]:
    """Fit both to rows with tags."""
    ids = {label: i for i, label in enumerate(labels)}
    words = [word.lower() for words in rows["tokens"] for word in words]
    tags = np.array([ids[tag] for tags in rows["tags"] for tag in tags])
    places = {word: i for i, word in enumerate(dict.fromkeys(words))}
    shares = np.zeros((len(places) + 1, len(labels)))
    np.add.at(shares, (np.array([places[word] for word in words]), tags), 1)
    # A word never seen is most like those that were seen once.
    once = shares[:-1][shares[:-1].sum(axis=1) == 1].sum(axis=0)
    shares[-1] = once if once.sum() else shares[:-1].sum(axis=0)
    shares /= shares.sum(axis=1, keepdims=True)
    frequent = FrequentTag(places, shares)
    if len(set(tags.tolist())) < 2:
        return (frequent,)
    features = features_of(rows)
    vectorizer = DictVectorizer()
    matrix = vectorizer.fit_transform(features[:MOST_WORDS])
    model = LogisticRegression(C=10, max_iter=100, tol=1e-3).fit(matrix, tags[:MOST_WORDS])
    weights = np.zeros((matrix.shape[1], len(labels)))
    bias = np.full(len(labels), -1e3)  # of tags that are not there
    if len(model.classes_) == 2:
        weights[:, model.classes_[1]], bias[model.classes_] = model.coef_[0], 0.0
        bias[model.classes_[1]] = model.intercept_[0]
    else:
        weights[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
    names = {name: int(i) for name, i in vectorizer.vocabulary_.items()}
    return frequent, WordRegression(names, weights, bias)


def features_of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Describe the words of all rows, and where they stand to the predicate where there is one."""
    found = []
    for row, words in enumerate(rows["tokens"]):
        own = word_features(list(words))
        if "predicate" in rows:
            first, last = rows["predicate"].iloc[row]
            verb = " ".join(words[first:last]).lower()
            for place, features in enumerate(own):
                apart = place - first if place < first else max(0, place - last + 1)
                side = int(np.clip(apart, -5, 5))
                features |= {f"predicate={verb}": 1, f"from predicate={side}": 1}
                features |= {f"{verb} {np.sign(side)}": 1, f"{words[place].lower()} {side}": 1}
        found += own
    return found


def word_features(words: list[str]) -> list[dict[str, Any]]:
    """Describe each word: itself, its ends, its shape, its neighbours, where it stands."""
    around = ["^", *words, "$"]
    found = []
    for place, word in enumerate(words, 1):
        before, after = around[place - 1], around[place + 1]
        low = word.lower()
        found.append(
            {
                f"word={low}": 1,
                f"start={low[:3]}": 1,
                f"end={low[-3:]}": 1,
                f"shape={_shape(word)}": 1,
                f"before={before.lower()}": 1,
                f"after={after.lower()}": 1,
                f"before shape={_shape(before)}": 1,
                f"after shape={_shape(after)}": 1,
                f"place={min(place, 5)}": 1,
                f"from end={min(len(words) - place, 5)}": 1,
            }
        )
    return found


def _shape(word: str) -> str:
    marks = [
        "X" if c.isupper() else "x" if c.isalpha() else "9" if c.isdigit() else c for c in word
    ]
    kept = [mark for i, mark in enumerate(marks) if i < 1 or mark != marks[i - 1]]
    return "".join(kept) or OUTSIDE
