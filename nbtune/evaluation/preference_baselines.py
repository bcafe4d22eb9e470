"""What prefers one of two answers without a model: the longer one, and words that are liked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import vstack
from sklearn.linear_model import LogisticRegression

from nbtune.data.preferred import Preferred
from nbtune.evaluation.kept import Kept, Tfidf, fit_tfidf

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ByLength(Kept):
    """Prefers the longer answer, or the shorter one, whichever training rows do more often."""

    sign: float
    name: str = "longer answer"

    def predict(self, rows: pd.DataFrame) -> Preferred:
        """Return the logarithms of lengths in characters."""
        sides = [[np.log1p(len(text)) for text in rows[side]] for side in ("chosen", "rejected")]
        return Preferred(self.sign * np.array(sides, dtype=np.float64).T.reshape(-1, 2))


@dataclass(frozen=True)
class ByWords(Kept):
    """A linear model of words (Bradley and Terry 1952); ``weights`` has the shape (features,)."""

    words: dict[str, int]
    idf: Array
    weights: Array
    name: str = "TF-IDF + logistic regression"

    def predict(self, rows: pd.DataFrame) -> Preferred:
        """Return log-odds."""
        weigh = Tfidf(self.words, self.idf).transform
        sides = [weigh(list(rows[side])) @ self.weights for side in ("chosen", "rejected")]
        return Preferred(np.array(sides).T.reshape(-1, 2))


def fit_preferences(rows: pd.DataFrame, seed: int = 0) -> tuple[Kept, ...]:
    """Fit both to rows with answers."""
    chosen, rejected = list(rows["chosen"]), list(rows["rejected"])
    longer = np.mean([np.sign(len(a) - len(b)) for a, b in zip(chosen, rejected, strict=True)])
    length = ByLength(1.0) if longer >= 0 else ByLength(-1.0, "shorter answer")
    if (tfidf := fit_tfidf([*chosen, *rejected])) is None:
        return (length,)
    apart = tfidf.transform(chosen) - tfidf.transform(rejected)
    # Each pair counts both ways round, so that neither side has a bias.
    both = np.concatenate([np.ones(len(rows)), np.zeros(len(rows))])
    regression = LogisticRegression(C=1, fit_intercept=False, max_iter=200, random_state=seed)
    regression.fit(vstack([apart, -apart]), both)
    return length, ByWords(tfidf.words, tfidf.idf, regression.coef_[0])
