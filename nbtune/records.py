"""What a run leaves: scores, curves, matrices and rows, as frozen JSON-plain values."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any

SCORES = (
    "accuracy", "f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_macro",
    "roc_auc", "mcc", "log_loss",
)  # fmt: skip
"""The scores of a classification, by scikit-learn's names, in the order of all tables."""

LOWER_IS_BETTER = frozenset({"log_loss", "loss"})


def worth(name: str, value: float) -> float:
    """Return a score as a number of which more is better; what is not known is worst."""
    if math.isnan(value):
        return -math.inf
    return -value if name in LOWER_IS_BETTER else value


@dataclass(frozen=True)
class Score:
    """A number with its 95 % interval; ``low`` and ``high`` are NaN where none was made."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class ClassScores:
    """How well one label is found; ``support`` counts the rows that have it."""

    label: str
    precision: float
    recall: float
    f1: float
    roc_auc: float
    support: int


@dataclass(frozen=True)
class Confusion:
    """Counts of shape (labels, labels): true labels downwards, predicted ones across."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Curve:
    """A curve of one label, or of all of them: an ``average`` called ``micro`` or ``macro``.

    ROC: ``x`` false and ``y`` true positive rate, area AUC. PR: ``x`` recall and ``y`` precision,
    area average precision. Points are thinned for drawing, areas are those of all points.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float
    average: bool = False


@dataclass(frozen=True)
class WrongRow:
    """A row that the model got wrong, with how sure it was."""

    row: int
    text: str
    target: str
    prediction: str
    probability: float


@dataclass(frozen=True)
class Judged:
    """The scores of one model or baseline (``kind``) on the same rows."""

    name: str
    kind: str
    scores: dict[str, Score]


@dataclass(frozen=True)
class EvaluationRecord:
    """All that is known of a run on some rows.

    ``table`` begins with the baselines and ends with the run's model; ``errors`` are the most
    confidently wrong rows, worst first; ``verdict`` says in a sentence who wins, ``left_out``
    which rows could not be used.
    """

    run: str
    split: str
    rows: int
    labels: tuple[str, ...]
    table: tuple[Judged, ...]
    classes: tuple[ClassScores, ...]
    confusion: Confusion
    roc: tuple[Curve, ...]
    pr: tuple[Curve, ...]
    errors: tuple[WrongRow, ...]
    verdict: str
    left_out: str = ""

    @property
    def scores(self) -> dict[str, Score]:
        """The scores of the run's model."""
        return self.table[-1].scores

    def to_json(self) -> str:
        """Write the record as JSON; NaN becomes null."""
        return json.dumps(_plain(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> EvaluationRecord:
        """Read what `to_json` wrote; unknown fields are passed over."""
        values = json.loads(text)
        values["table"] = [
            {**judged, "scores": {k: _make(Score, v) for k, v in judged["scores"].items()}}
            for judged in values["table"]
        ]
        for name, kind in _PARTS.items():
            values[name] = tuple(_make(kind, part) for part in values[name])
        values["confusion"] = _make(Confusion, values["confusion"])
        record: EvaluationRecord = _make(cls, values)
        return record


@dataclass(frozen=True)
class PartParameters:
    """The weights of one part of a model.

    ``what`` names the trained ones, empty for none; ``trainable`` of ``parameters`` move.
    """

    part: str
    what: str
    trainable: int
    parameters: int


@dataclass(frozen=True)
class ParameterTable:
    """What a run trains, from the embeddings up to the head."""

    parts: tuple[PartParameters, ...]

    @property
    def trainable(self) -> int:
        """How many numbers are trained."""
        return sum(part.trainable for part in self.parts)

    @property
    def parameters(self) -> int:
        """How many numbers the model has."""
        return sum(part.parameters for part in self.parts)

    def to_json(self) -> str:
        """Write the table as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ParameterTable:
        """Read what `to_json` wrote; unknown fields are passed over."""
        return cls(tuple(_make(PartParameters, part) for part in json.loads(text)["parts"]))


@dataclass(frozen=True)
class RateSearch:
    """What the training loss did while the learning rate rose from step to step.

    ``losses`` are fewer than ``rates`` where the test ended early; ``usual`` is the rate that
    the recipe would have without one of its own.
    """

    model: str
    method: str
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    usual: float
    seconds: float

    @property
    def smooth(self) -> tuple[float, ...]:
        """The mean of each loss and its neighbours."""
        reach = max(1, len(self.rates) // 24)
        windows = (self.losses[max(0, i - reach) : i + reach + 1] for i in range(len(self.losses)))
        return tuple(sum(window) / len(window) for window in windows)

    @property
    def lowest(self) -> int | None:
        """Where the smooth loss was lowest; None where it never fell by a twentieth."""
        smooth = self.smooth
        if not smooth or min(smooth) > 0.95 * smooth[0]:
            return None
        return smooth.index(min(smooth))

    @property
    def suggestion(self) -> float | None:
        """A fifth of the rate with the lowest loss, where training is fast and still steady.

        None where no rate was seen to learn.
        """
        return None if self.lowest is None else float(f"{self.rates[self.lowest] / 5:.0e}")


_PARTS: dict[str, type] = {
    "table": Judged,
    "classes": ClassScores,
    "roc": Curve,
    "pr": Curve,
    "errors": WrongRow,
}


def _make(kind: type, values: dict[str, Any]) -> Any:
    known = {field.name: str(field.type) for field in fields(kind)}
    return kind(**{k: _back(v, known[k]) for k, v in values.items() if k in known})


def _back(value: Any, kind: str) -> Any:
    if value is None and kind == "float":
        return math.nan
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return math.nan if value is None else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
