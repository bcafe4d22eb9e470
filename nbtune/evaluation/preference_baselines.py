"""What tells good answers without a model: how long they are, and words that are liked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import vstack
from sklearn.linear_model import LogisticRegression

from nbtune.data.preferred import Preferred, answers_in
from nbtune.evaluation.kept import Kept, Tfidf, fit_tfidf

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ByLength(Kept):
    """Likes longer answers, or shorter ones, whichever training rows do more often."""

    sign: float
    name: str = "longer answer"

    def predict(self, rows: pd.DataFrame) -> Preferred:
        """Return the logarithms of lengths in characters."""
        sides = [[np.log1p(len(text)) for text in side] for side in answers_in(rows)]
        return Preferred(self.sign * np.array(sides, dtype=np.float64).T)


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
        return Preferred(np.array([weigh(side) @ self.weights for side in answers_in(rows)]).T)


def fit_preferences(rows: pd.DataFrame, seed: int = 0) -> tuple[Kept, ...]:
    """Fit both to rows with answers, two each or one."""
    if "completion" in rows:
        return _fit_liked(list(rows["completion"]), rows["label"].to_numpy(dtype=bool), seed)
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


def _fit_liked(answers: list[str], is_liked: Array, seed: int) -> tuple[Kept, ...]:
    """Fit both to answers that stand alone."""
    if is_liked.all() or not is_liked.any():
        return ()
    sizes = np.array([np.log1p(len(answer)) for answer in answers])
    is_longer = sizes[is_liked].mean() >= sizes[~is_liked].mean()
    length = ByLength(1.0) if is_longer else ByLength(-1.0, "shorter answer")
    if (tfidf := fit_tfidf(answers)) is None:
        return (length,)
    regression = LogisticRegression(C=1, max_iter=200, random_state=seed)
    regression.fit(tfidf.transform(answers), is_liked)
    return length, ByWords(tfidf.words, tfidf.idf, regression.coef_[0])
