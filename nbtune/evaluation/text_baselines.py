"""Baselines for many labels a text, and for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict

from nbtune.data.texts import texts_of
from nbtune.evaluation.calibration import fit_logistic
from nbtune.evaluation.kept import Kept, Tfidf, fit_tfidf
from nbtune.evaluation.label_baselines import Commonest
from nbtune.evaluation.multi_label import best_thresholds

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Frequencies(Kept):
    """Gives every text each label's share of the training rows, of shape (labels,)."""

    shares: Array
    name: str = "label frequencies"

    def predict(self, rows: pd.DataFrame) -> tuple[Array, Sequence[float]]:
        """Return probabilities of shape (rows, labels), and thresholds."""
        return np.tile(self.shares, (len(rows), 1)), ()


@dataclass(frozen=True)
class TfidfLabels(Kept):
    """A logistic regression a label; ``weights`` has the shape (features, labels)."""

    words: dict[str, int]
    idf: Array
    weights: Array
    bias: Array
    thresholds: Sequence[float]
    name: str = "TF-IDF + logistic regressions"

    def predict(self, rows: pd.DataFrame) -> tuple[Array, Sequence[float]]:
        """Return probabilities of shape (rows, labels), and thresholds."""
        features = Tfidf(self.words, self.idf).transform(texts_of(rows))
        return np.asarray(expit(features @ self.weights + self.bias)), self.thresholds


def fit_multi_label(texts: Sequence[str], targets: Array) -> tuple[Kept, ...]:
    """Fit both; thresholds are chosen on training rows that the regression had not seen.

    Parameters
    ----------
    targets : ndarray of bool
        Of shape (rows, labels).
    """
    frequencies = Frequencies(targets.mean(axis=0))
    if (tfidf := fit_tfidf(texts)) is None:
        return (frequencies,)
    features = tfidf.transform(texts)
    weights = np.zeros((features.shape[1], targets.shape[1]))
    bias = np.zeros(targets.shape[1])
    held_out = np.tile(frequencies.shares, (len(texts), 1))
    for k in range(targets.shape[1]):
        share = float(np.clip(frequencies.shares[k], 1e-6, 1 - 1e-6))
        bias[k] = np.log(share / (1 - share))
        positive = int(targets[:, k].sum())
        if min(positive, len(texts) - positive) < 3:
            continue
        model = LogisticRegression(C=10, max_iter=200, tol=1e-3)
        held_out[:, k] = cross_val_predict(
            model, features, targets[:, k], cv=3, method="predict_proba"
        )[:, 1]
        model.fit(features, targets[:, k])
        weights[:, k], bias[k] = model.coef_[0], model.intercept_[0]
    thresholds = best_thresholds(targets, held_out)
    return frequencies, TfidfLabels(tfidf.words, tfidf.idf, weights, bias, thresholds)


@dataclass(frozen=True)
class Mean(Kept):
    """Gives every text the mean of the training rows."""

    value: float
    name: str = "mean"

    def predict(self, rows: pd.DataFrame) -> Array:
        """Return numbers of shape (rows,)."""
        return np.full(len(rows), self.value)


@dataclass(frozen=True)
class TfidfRidge(Kept):
    """A linear model of the words; ``weights`` has the shape (features,)."""

    words: dict[str, int]
    idf: Array
    weights: Array
    bias: float
    name: str = "TF-IDF + ridge regression"

    def predict(self, rows: pd.DataFrame) -> Array:
        """Return numbers of shape (rows,)."""
        features = Tfidf(self.words, self.idf).transform(texts_of(rows))
        return np.asarray(features @ self.weights + self.bias)


def fit_regression(texts: Sequence[str], targets: Array) -> tuple[Kept, ...]:
    """Fit both to numbers of shape (rows,)."""
    mean = Mean(float(targets.mean()))
    if (tfidf := fit_tfidf(texts)) is None:
        return (mean,)
    model = Ridge(alpha=1.0).fit(tfidf.transform(texts), targets)
    ridge = TfidfRidge(tfidf.words, tfidf.idf, model.coef_, float(model.intercept_))
    return mean, ridge


@dataclass(frozen=True)
class TfidfCosine(Kept):
    """The cosine of the words of two texts, weighed by TF-IDF, in the measure of the numbers."""

    words: dict[str, int]
    idf: Array
    slope: float
    level: float
    name: str = "TF-IDF cosine"

    def predict(self, rows: pd.DataFrame) -> Array:
        """Return numbers of shape (rows,)."""
        cosines = _tfidf_cosines(
            Tfidf(self.words, self.idf), list(rows["text"]), list(rows["text_pair"])
        )
        return cosines * self.slope + self.level


def _tfidf_cosines(tfidf: Tfidf, one: Sequence[str], other: Sequence[str]) -> Array:
    first, second = (tfidf.transform(texts) for texts in (one, other))
    return np.asarray(first.multiply(second).sum(axis=1)).ravel()  # rows have the length 1


def fit_similarity(one: Sequence[str], other: Sequence[str], targets: Array) -> tuple[Kept, ...]:
    """Fit the mean, and the line from cosines to numbers of shape (rows,); it never falls."""
    mean = Mean(float(targets.mean()))
    if (tfidf := fit_tfidf([*one, *other])) is None:
        return (mean,)
    cosines = _tfidf_cosines(tfidf, one, other)
    spread = float(cosines.var())
    slope = max(0.0, float(np.cov(cosines, targets, bias=True)[0, 1]) / spread) if spread else 0.0
    level = mean.value - slope * float(cosines.mean())
    # Where the words tell nothing, or the contrary, their order still stands.
    return mean, TfidfCosine(tfidf.words, tfidf.idf, slope or 1e-9, level)


@dataclass(frozen=True)
class TfidfAlike(Kept):
    """A logistic of that cosine, to the probabilities of two labels."""

    words: dict[str, int]
    idf: Array
    middle: float
    width: float
    name: str = "TF-IDF cosine"

    def predict(self, rows: pd.DataFrame) -> Array:
        """Return probabilities of shape (rows, 2)."""
        cosines = _tfidf_cosines(
            Tfidf(self.words, self.idf), list(rows["text"]), list(rows["text_pair"])
        )
        second = expit((cosines - self.middle) / self.width)
        return np.stack([1 - second, second], axis=1)


def fit_alike(one: Sequence[str], other: Sequence[str], targets: Array) -> tuple[Kept, ...]:
    """Fit majority and that logistic to the ids of two labels, of shape (rows,)."""
    share = float(targets.mean())
    commonest = Commonest(np.array([1 - share, share]))
    if (tfidf := fit_tfidf([*one, *other])) is None:
        return (commonest,)
    middle, width = fit_logistic(_tfidf_cosines(tfidf, one, other), targets, (0.5, 0.1))
    return commonest, TfidfAlike(tfidf.words, tfidf.idf, middle, width)
