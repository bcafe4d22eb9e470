"""What needs no training loop: the line every model has to beat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer

from nbtune.data.texts import texts_of
from nbtune.evaluation import kept
from nbtune.evaluation.label_baselines import MAJORITY, fit_logistic

Array = np.ndarray[Any, Any]
TFIDF = "TF-IDF + logistic regression"
_FEATURES = 200_000


class Baseline(Protocol):
    """Something that gives label probabilities for texts."""

    @property
    def name(self) -> str: ...  # noqa: D102
    def predict_proba(self, texts: Sequence[str]) -> Array: ...  # noqa: D102
    def predict(self, rows: pd.DataFrame) -> Array: ...  # noqa: D102


class _OfTexts:
    """Says of rows what it says of their texts."""

    def predict(self, rows: pd.DataFrame) -> Array:
        """Return probabilities of shape (rows, labels)."""
        return self.predict_proba(texts_of(rows))  # type: ignore[attr-defined,no-any-return]


@dataclass(frozen=True)
class Majority(_OfTexts):
    """Gives every text the label frequencies of the training rows, of shape (labels,)."""

    frequencies: Array
    name: str = MAJORITY

    def predict_proba(self, texts: Sequence[str]) -> Array:
        """Return probabilities of shape (rows, labels)."""
        return np.tile(self.frequencies, (len(texts), 1))


@dataclass(frozen=True)
class TfidfRegression(_OfTexts):
    """Words and word pairs, weighed by TF-IDF, and a linear model over them.

    ``weights`` has the shape (features, labels), ``bias`` (labels,).
    """

    vectorizer: TfidfVectorizer
    weights: Array
    bias: Array
    name: str = TFIDF

    def predict_proba(self, texts: Sequence[str]) -> Array:
        """Return probabilities of shape (rows, labels)."""
        return np.asarray(
            softmax(self.vectorizer.transform(texts) @ self.weights + self.bias, axis=1)
        )


def fit_baselines(
    texts: Sequence[str], targets: Sequence[int], labels: int, seed: int = 0
) -> tuple[Baseline, ...]:
    """Fit the majority and the TF-IDF baseline.

    Parameters
    ----------
    targets : sequence of int
        Label ids, one a text; every label occurs.
    labels : int
        How many labels there are.
    """
    wanted = np.asarray(targets)
    counts = np.bincount(wanted, minlength=labels)
    majority = Majority(counts / counts.sum())
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=_FEATURES)
    try:
        features = vectorizer.fit_transform(texts)
    except ValueError:  # not one word in all the texts
        return (majority,)
    weights, bias = fit_logistic(features, wanted, labels, seed=seed)
    return majority, TfidfRegression(vectorizer, weights, bias)


def save_baselines(folder: Path, baselines: Sequence[Any]) -> None:
    """Write baselines as JSON and safetensors, in a folder that appears whole."""
    stage = folder.with_name(f".{folder.name}")
    stage.mkdir(exist_ok=True)
    if all(isinstance(baseline, kept.Kept) for baseline in baselines):  # also where there are none
        kept.save(stage, baselines)
        stage.rename(folder)
        return
    arrays: dict[str, Array] = {}
    for baseline in baselines:
        if isinstance(baseline, Majority):
            arrays["frequencies"] = baseline.frequencies
        elif isinstance(baseline, TfidfRegression):
            arrays["idf"] = baseline.vectorizer.idf_
            arrays["weights"] = np.ascontiguousarray(baseline.weights)
            arrays["bias"] = baseline.bias
            words = {word: int(i) for word, i in baseline.vectorizer.vocabulary_.items()}
            (stage / "vocabulary.json").write_text(json.dumps(words), encoding="utf-8")
    save_file(arrays, stage / "baselines.safetensors")
    stage.rename(folder)


def load_baselines(folder: Path) -> tuple[Any, ...]:
    """Read what `save_baselines` wrote; none when there is no such folder."""
    if not folder.is_dir():
        return ()
    if (others := kept.load(folder)) is not None:
        return others
    arrays = load_file(folder / "baselines.safetensors")
    found: list[Baseline] = [Majority(arrays["frequencies"])]
    if "weights" in arrays:
        words = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, vocabulary=words)
        vectorizer.idf_ = arrays["idf"]
        found.append(TfidfRegression(vectorizer, arrays["weights"], arrays["bias"]))
    return tuple(found)
