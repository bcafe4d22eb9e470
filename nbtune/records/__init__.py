"""What a run leaves: scores, curves, matrices and rows, as frozen JSON-plain values."""

from nbtune.records.evaluation import (
    LOWER_IS_BETTER,
    SCORES,
    ClassScores,
    Confusion,
    Curve,
    EvaluationRecord,
    Judged,
    Score,
    WrongRow,
    worth,
)
from nbtune.records.training import ParameterTable, PartParameters, RateSearch

__all__ = [
    "LOWER_IS_BETTER",
    "SCORES",
    "ClassScores",
    "Confusion",
    "Curve",
    "EvaluationRecord",
    "Judged",
    "ParameterTable",
    "PartParameters",
    "RateSearch",
    "Score",
    "WrongRow",
    "worth",
]
