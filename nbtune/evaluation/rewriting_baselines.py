"""Baselines for texts that are made of others: none of them writes a word of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from nbtune.data.written import Written
from nbtune.evaluation.chat_baselines import CommonestAnswer
from nbtune.evaluation.kept import Kept
from nbtune.evaluation.written import by_row

COPY, FIRST = "copy of the source", "first sentence"
COMMON_SHARE = 0.02
"""A target that so many training rows have is worth trying on all rows."""
MOST_EXAMPLES = 20_000
"""Training rows that are remembered."""
MOST_TRIED = 300
_SENTENCE = re.compile(r".+?(?:[.!?。！？]+(?=\s|$)|$)", re.DOTALL)


@dataclass(frozen=True)
class CopyOfSource(Kept):
    """Gives the source back, or its first sentence."""

    name: str = COPY

    def predict(self, rows: pd.DataFrame) -> Written:
        """Return a text a row."""
        whole = self.name == COPY
        return Written.of([text if whole else first_sentence(text) for text in rows["source"]])


@dataclass(frozen=True)
class NearestExample(Kept):
    """Gives the target of the training row whose source is most alike: a translation memory.

    Alike is what has the same runs of two to four letters, rare ones first.
    """

    sources: list[str]
    targets: list[str]
    name: str = "target of the nearest source"

    @cached_property
    def _memory(self) -> tuple[TfidfVectorizer, Any]:
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        return vectorizer, vectorizer.fit_transform(self.sources)

    def predict(self, rows: pd.DataFrame) -> Written:
        """Return a text a row."""
        vectorizer, memory = self._memory
        asked = vectorizer.transform(list(rows["source"]))
        nearest = [int(np.argmax((memory @ asked[row].T).toarray())) for row in range(len(rows))]
        return Written.of([self.targets[place] for place in nearest])


def first_sentence(text: str) -> str:
    """Return the first sentence of a text.

    Examples
    --------
    >>> first_sentence("It rains. It pours!")
    'It rains.'
    """
    found = _SENTENCE.match(text.strip())
    return found[0].strip() if found else text


def fit_rewriting(rows: pd.DataFrame, decides: str) -> tuple[Kept, ...]:
    """Fit what suits these rows: a copy or a part of it, the common target, the nearest example.

    Parameters
    ----------
    decides : str
        The score by which a copy and its first sentence are told which is the better baseline.
    """
    sources, targets = list(rows["source"]), list(rows["target"])
    tried = rows.head(MOST_TRIED)
    found: list[Kept] = [max(map(CopyOfSource, (COPY, FIRST)), key=_worth_on(tried, decides))]
    target, count = Counter(targets).most_common(1)[0]
    if count >= max(2, COMMON_SHARE * len(rows)):
        found.append(CommonestAnswer(target, "most common target"))
    try:
        nearest = NearestExample(sources[:MOST_EXAMPLES], targets[:MOST_EXAMPLES])
        nearest._memory  # noqa: B018 - refuses sources without a letter
        found.append(nearest)
    except ValueError:
        pass
    return tuple(found)


def _worth_on(rows: pd.DataFrame, decides: str) -> Callable[[Kept], float]:
    true = list(rows["target"])
    return lambda one: float(by_row(true, one.predict(rows).in_order, decides).mean())
