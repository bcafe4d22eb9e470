"""How well one label is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbtune.records.plain import make
from nbtune.records.score import Score

_SCORES = ("precision", "recall", "f1", "roc_auc")


@dataclass(frozen=True)
class ClassScores:
    """How well one label is found; ``support`` counts the rows that have it."""

    label: str
    precision: Score
    recall: Score
    f1: Score
    roc_auc: Score
    support: int

    @classmethod
    def of(cls, values: dict[str, Any]) -> ClassScores:
        """Make one of its fields as JSON has them; older records have numbers without intervals."""
        found: ClassScores = make(cls, {**values, **{one: _score(values[one]) for one in _SCORES}})
        return found


def _score(value: Any) -> Score:
    if isinstance(value, dict):
        made: Score = make(Score, value)
        return made
    return Score(float("nan") if value is None else value)
