"""Baselines for questions about texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from nbtune.data.answers import Answer, Answers
from nbtune.data.spans import word_places
from nbtune.evaluation.kept import Kept
from nbtune.evaluation.word_baselines import word_features

Array = np.ndarray[Any, Any]
MOST_WORDS = 60_000
"""Words of the training rows that the regression learns from."""
LONGEST = 30
"""Words of the longest answer."""
_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")


@dataclass(frozen=True)
class NearestSentence(Kept):
    """Answers with the sentence that has most of the words of the question, rare ones first.

    ``rarity`` holds the weight of words, the logarithm of how few contexts have them.
    """

    rarity: dict[str, float]
    name: str = "sentence nearest to the question"

    def predict(self, rows: pd.DataFrame) -> list[Answers]:
        """Return an answer a row."""
        return [self._answer(*pair) for pair in zip(rows["question"], rows["context"], strict=True)]

    def _answer(self, question: str, context: str) -> Answers:
        asked, unseen = set(_words(question)), max(self.rarity.values(), default=1.0)
        best, found = -1.0, (0, len(context))
        for sentence in _SENTENCE.finditer(context):
            words = asked.intersection(_words(sentence[0]))
            weight = sum(self.rarity.get(word, unseen) for word in words)
            if weight > best and sentence[0].strip():
                best, found = weight, sentence.span()
        return _sure(context, *found)


@dataclass(frozen=True)
class WordsOfAnswers(Kept):
    """A logistic regression that tells which words are parts of the answer.

    It sees what a word and its neighbours look like, and the words of the question. The answer is
    the run of words whose log-odds sum to most. ``weights`` has the shape (features,).
    """

    features: dict[str, int]
    weights: Array
    bias: float
    may_be_none: bool
    name: str = "word features + logistic regression"

    def predict(self, rows: pd.DataFrame) -> list[Answers]:
        """Return an answer a row."""
        vectorizer = DictVectorizer()
        vectorizer.vocabulary_ = self.features
        vectorizer.feature_names_ = sorted(self.features, key=self.features.__getitem__)
        found = []
        for question, context in zip(rows["question"], rows["context"], strict=True):
            places = word_places(context)
            described = _described(question, context, places)
            odds = vectorizer.transform(described) @ self.weights + self.bias
            found.append(self._answer(context, places, odds))
        return found

    def _answer(self, context: str, places: Sequence[tuple[int, int]], odds: Array) -> Answers:
        first, last, total = _best_run(odds)
        if total < 0 and self.may_be_none:
            return Answers((), np.inf, 1.0, 0.0)
        return _sure(context, places[first][0], places[last][1], float(expit(total)))


def fit_answering(rows: pd.DataFrame) -> tuple[Kept, ...]:
    """Fit both to rows with answers."""
    contexts = list(dict.fromkeys(rows["context"]))
    counts = Counter(word for text in contexts for word in set(_words(text)))
    rarity = {word: float(np.log((1 + len(contexts)) / count)) for word, count in counts.items()}
    nearest = NearestSentence(rarity)
    described: list[dict[str, Any]] = []
    inside: list[bool] = []
    may_be_none = any(not len(answers) for answers in rows["answers"])
    for _, row in rows.iterrows():
        if len(described) >= MOST_WORDS:
            break
        places = word_places(row["context"])
        described += _described(row["question"], row["context"], places)
        spans = zip(row["answer_start"][:1], row["answers"][:1], strict=True)
        edges = [(int(start), int(start) + len(text)) for start, text in spans] or [(0, 0)]
        inside += [start < edges[0][1] and end > edges[0][0] for start, end in places]
    if len(set(inside)) < 2:
        return (nearest,)
    vectorizer = DictVectorizer()
    matrix = vectorizer.fit_transform(described)
    model = LogisticRegression(C=3, max_iter=100, tol=1e-3).fit(matrix, inside)
    names = {name: int(i) for name, i in vectorizer.vocabulary_.items()}
    bias = float(model.intercept_[0])
    return nearest, WordsOfAnswers(names, model.coef_[0], bias, may_be_none)


def _sure(context: str, start: int, end: int, probability: float = 1.0) -> Answers:
    piece = context[start:end]
    start += len(piece) - len(piece.lstrip())
    return Answers((Answer(piece.strip(), start, start + len(piece.strip()), probability),))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _described(
    question: str, context: str, places: Sequence[tuple[int, int]]
) -> list[dict[str, Any]]:
    """Describe each word as taggers do, once more beside each word that only the question has."""
    words = [context[start:end] for start, end in places]
    asked, there = _words(question), {word.lower() for word in words}
    only = [word for word in dict.fromkeys(asked) if word not in there][:4]
    found = []
    for word, features in zip(words, word_features(words), strict=True):
        crossed = {f"{ask}|{name}": 1 for name in features for ask in only}
        found.append({**features, **crossed, "is asked for": int(word.lower() in asked)})
    return found


def _best_run(odds: Array) -> tuple[int, int, float]:
    """Return first and last place and sum of the run with the highest sum (Kadane)."""
    best, found, sums = -np.inf, (0, 0), np.concatenate([[0.0], np.cumsum(odds)])
    for last in range(1, len(sums)):
        low = max(0, last - LONGEST)
        first = low + int(np.argmin(sums[low:last]))
        if sums[last] - sums[first] > best:
            best, found = float(sums[last] - sums[first]), (first, last - 1)
    return *found, best
