"""Baselines for images: the commonest label, and a linear model of few pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from scipy import sparse
from scipy.special import softmax

from nbtune.data.pictures import open_picture
from nbtune.evaluation.kept import Kept, Tfidf, fit_tfidf
from nbtune.evaluation.label_baselines import fit_commonest, fit_logistic

Array = np.ndarray[Any, Any]
SIDE = 16
PIXELS = "grey pixels + logistic regression"
WITH_WORDS = "pixels, words + logistic regression"


@dataclass(frozen=True)
class PixelRegression(Kept):
    """A linear model of grey pixels, and of the words of a text beside them where there is one.

    ``weights`` has the shape (features, labels), ``bias`` (labels,).
    """

    weights: Array
    bias: Array
    words: dict[str, int]
    idf: Array
    name: str = PIXELS

    def predict(self, rows: pd.DataFrame) -> Array:
        """Return probabilities of shape (rows, labels)."""
        words = Tfidf(self.words, self.idf) if self.words else None
        return np.asarray(softmax(_features(rows, words) @ self.weights + self.bias, axis=1))


def _features(rows: pd.DataFrame, words: Tfidf | None) -> Any:
    pixels = grey_pixels(list(rows["image"]))
    if words is None:
        return pixels
    return sparse.hstack([sparse.csr_matrix(pixels), words.transform(list(rows["text"]))]).tocsr()


def grey_pixels(values: Sequence[str]) -> Array:
    """Return images as shares of white, of shape (images, 256); each is in memory by itself."""
    found = np.empty((len(values), SIDE * SIDE), dtype=np.float32)
    for place, value in enumerate(values):
        small = open_picture(value).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
        found[place] = np.asarray(small, dtype=np.float32).ravel() / 255
    return found


def fit_pixel_baselines(rows: pd.DataFrame, targets: Array, labels: int) -> tuple[Kept, ...]:
    """Fit all of them to the ids of labels."""
    majority = fit_commonest(targets, labels)
    pixels = _fitted(rows, targets, labels, None, PIXELS)
    words = fit_tfidf(list(rows["text"])) if "text" in rows else None
    if words is None:
        return majority, pixels
    return majority, pixels, _fitted(rows, targets, labels, words, WITH_WORDS)


def _fitted(
    rows: pd.DataFrame, targets: Array, labels: int, words: Tfidf | None, name: str
) -> PixelRegression:
    weights, bias = fit_logistic(_features(rows, words), targets, labels, max_iter=300)
    own, idf = ({}, np.empty(0)) if words is None else (words.words, words.idf)
    return PixelRegression(weights, bias, own, idf, name)
