"""What a run leaves: scores, curves, matrices and rows, as frozen JSON-plain values."""

from nbtune.records.calibration import Bin, Calibration
from nbtune.records.comparison import COSTS, ComparisonRecord, Contender, Course, PairTest
from nbtune.records.corrections import ACTIONS, Correction, counted
from nbtune.records.data import (
    SEVERITIES,
    DataColumn,
    DataFinding,
    DataRecord,
    Lengths,
    Truncation,
)
from nbtune.records.estimate import Estimate
from nbtune.records.evaluation import (
    ANSWER_SCORES,
    LOWER_IS_BETTER,
    MASKED_SCORES,
    MULTI_LABEL_SCORES,
    REGRESSION_SCORES,
    SCORES,
    SPAN_SCORES,
    WRITING_SCORES,
    ClassScores,
    Confusion,
    Curve,
    EvaluationRecord,
    Judged,
    Mark,
    MarkedText,
    Mistake,
    Scatter,
    WrongRow,
    worth,
)
from nbtune.records.review import ORDERS, ReviewedRow, Wanted, label_now
from nbtune.records.score import Score
from nbtune.records.slices import Slice, Slices
from nbtune.records.thresholds import USUAL, Choice, Decisions, OperatingPoint, choices_of
from nbtune.records.training import ParameterTable, PartParameters, RateSearch

__all__ = [
    "ACTIONS",
    "ANSWER_SCORES",
    "COSTS",
    "LOWER_IS_BETTER",
    "MASKED_SCORES",
    "MULTI_LABEL_SCORES",
    "ORDERS",
    "REGRESSION_SCORES",
    "SCORES",
    "SEVERITIES",
    "SPAN_SCORES",
    "USUAL",
    "WRITING_SCORES",
    "Bin",
    "Calibration",
    "Choice",
    "ClassScores",
    "ComparisonRecord",
    "Confusion",
    "Contender",
    "Correction",
    "Course",
    "Curve",
    "DataColumn",
    "DataFinding",
    "DataRecord",
    "Decisions",
    "Estimate",
    "EvaluationRecord",
    "Judged",
    "Lengths",
    "Mark",
    "MarkedText",
    "Mistake",
    "OperatingPoint",
    "PairTest",
    "ParameterTable",
    "PartParameters",
    "RateSearch",
    "ReviewedRow",
    "Scatter",
    "Score",
    "Slice",
    "Slices",
    "Truncation",
    "Wanted",
    "WrongRow",
    "choices_of",
    "counted",
    "label_now",
    "worth",
]
