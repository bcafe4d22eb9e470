"""Answers without a model: the commonest one, and that to the most similar prompt."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.turns import answer_of, asked_of
from nbtune.data.written import Written
from nbtune.evaluation.kept import Kept, Tfidf, fit_tfidf

Array = np.ndarray[Any, Any]
MOST_PROMPTS = 20_000
"""Training rows that are looked through; more would make the folder of a run large."""
AT_ONCE = 500


@dataclass(frozen=True)
class CommonestAnswer(Kept):
    """Always gives the answer that training rows have most often."""

    answer: str
    name: str = "commonest answer"

    def predict(self, rows: pd.DataFrame) -> Written:
        """Return an answer a row."""
        return Written.of([self.answer] * len(rows))


@dataclass(frozen=True)
class NearestPrompt(Kept):
    """Gives the answer to the training prompt that is nearest by TF-IDF."""

    words: dict[str, int]
    idf: Array
    prompts: list[str]
    answers: list[str]
    name: str = "answer to the nearest prompt"

    def predict(self, rows: pd.DataFrame) -> Written:
        """Return an answer a row."""
        weigh = Tfidf(self.words, self.idf).transform
        known, asked = weigh(self.prompts), weigh([_asked(chat) for chat in rows["messages"]])
        found: list[str] = []
        for start in range(0, len(rows), AT_ONCE):
            near = (asked[start : start + AT_ONCE] @ known.T).toarray().argmax(axis=1)
            found += [self.answers[place] for place in near]
        return Written.of(found)


def fit_chats(rows: pd.DataFrame) -> tuple[Kept, ...]:
    """Fit both to rows with answers."""
    own = rows.head(MOST_PROMPTS)
    answers = [answer_of(chat) for chat in own["messages"]]
    commonest = CommonestAnswer(Counter(answers).most_common(1)[0][0])
    prompts = [_asked(chat) for chat in own["messages"]]
    if (tfidf := fit_tfidf(prompts)) is None:
        return (commonest,)
    return commonest, NearestPrompt(tfidf.words, tfidf.idf, prompts, answers)


def _asked(chat: Any) -> str:
    """Return all that was said before the last answer."""
    return "\n".join(turn["content"] for turn in asked_of(chat) if turn["role"] != "system")
