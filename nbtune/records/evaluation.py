"""What is known of a model on some rows: scores, curves, matrices, errors."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from nbtune.records.by_label import ClassScores
from nbtune.records.calibration import Calibration
from nbtune.records.leaking import Leaked
from nbtune.records.plain import make, plain
from nbtune.records.score import Score
from nbtune.records.slices import Slices
from nbtune.records.thresholds import OperatingPoint

SCORES = (
    "accuracy", "f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_macro",
    "roc_auc", "mcc", "log_loss", "brier",
)  # fmt: skip
"""The scores of a classification, by scikit-learn's names, in the order of all tables."""

MULTI_LABEL_SCORES = (
    "f1_micro", "f1_macro", "precision_micro", "recall_micro", "subset_accuracy", "lrap",
    "roc_auc", "hamming_loss",
)  # fmt: skip
RELATION_SCORES = (
    "f1_micro", "f1_macro", "precision_micro", "recall_micro", "accuracy", "mcc", "log_loss",
)  # fmt: skip
"""Of relations; F1, precision and recall leave the label out that says there is none."""
REGRESSION_SCORES = ("rmse", "mae", "pearson", "spearman", "r2")
STEP_SCORES = ("quadratic_kappa", "accuracy")
"""Of numbers that are steps of a scale, such as stars, beside those of all numbers."""
ANSWER_SCORES = ("f1", "exact_match")
MASKED_SCORES = ("perplexity", "token_accuracy")
WRITING_SCORES = ("perplexity", "bits_per_byte", "token_accuracy")
CHAT_SCORES = ("perplexity", "token_accuracy", "rougeL", "exact_match")
PREFERENCE_SCORES = ("reward_accuracy", "reward_margin", "chosen_reward", "rejected_reward")
REWRITING_SCORES = (
    "rouge1", "rouge2", "rougeL", "bleu", "chrf", "length_ratio", "exact_match", "perplexity",
    "token_accuracy",
)  # fmt: skip
"""Of texts made of others; BLEU and chrF from 0 to 100, as sacrebleu gives them."""
SPAN_SCORES = ("span_f1", "span_precision", "span_recall", "word_accuracy")

LOWER_IS_BETTER = frozenset(
    {"log_loss", "brier", "loss", "rmse", "mae", "hamming_loss", "perplexity", "bits_per_byte"}
)

UNRANKED = frozenset({"length_ratio", "chosen_reward", "rejected_reward"})
"""Scores of which neither more nor less is better."""
OF_TOKENS = frozenset({"perplexity", "token_accuracy"})
"""Scores a token: of two models that cut texts into other tokens they say nothing."""


def best_possible(name: str) -> float:
    """Return what no model can do better than; infinity where there is no such thing."""
    if name in ("bleu", "chrf"):
        return 100.0
    if name in LOWER_IS_BETTER:
        return 1.0 if name == "perplexity" else 0.0
    return math.inf if name == "reward_margin" or name in UNRANKED else 1.0


def worth(name: str, value: float) -> float:
    """Return a score as a number of which more is better; what is not known is worst."""
    if math.isnan(value):
        return -math.inf
    if name == "length_ratio":  # of written texts: as long as they should be
        return -abs(math.log(value)) if value > 0 else -math.inf
    return -value if name in LOWER_IS_BETTER else value


@dataclass(frozen=True)
class Mistake:
    """A label that is taken for another one: how many rows, and of the true label what share."""

    true: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class Confusion:
    """Counts of shape (labels, labels): true labels downwards, predicted ones across."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def mistakes(self) -> list[Mistake]:
        """All labels that are taken for others, those of most rows first."""
        found = [
            Mistake(true, predicted, count, count / sum(row))
            for true, row in zip(self.labels, self.counts, strict=True)
            for predicted, count in zip(self.labels, row, strict=True)
            if count and predicted != true
        ]
        return sorted(found, key=lambda one: (-one.count, -one.share))


@dataclass(frozen=True)
class Curve:
    """A curve of one label, or of all of them: an ``average`` called ``micro`` or ``macro``.

    ROC: ``x`` false and ``y`` true positive rate, area AUC. PR: ``x`` recall and ``y`` precision,
    area average precision. Gain: ``x`` share of all rows, ``y`` of the label's. Points are thinned
    for drawing, areas are those of all points.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float
    average: bool = False


@dataclass(frozen=True)
class Scatter:
    """True numbers and predicted ones of the same rows; of many rows some, evenly chosen."""

    targets: tuple[float, ...]
    predictions: tuple[float, ...]


@dataclass(frozen=True)
class Mark:
    """A part of a text, from character ``start`` to before ``end``, and what it is.

    ``probability`` says how sure a model is of it; NaN where nobody can be.
    """

    start: int
    end: int
    label: str
    probability: float = math.nan

    def says(self, other: Mark) -> bool:
        """Whether another mark says the same, however sure it is."""
        own, its = (self.start, self.end, self.label), (other.start, other.end, other.label)
        return own == its


@dataclass(frozen=True)
class MarkedText:
    """A text with what is marked in it, and what should be; ``title`` is what was asked of it."""

    row: int
    text: str
    targets: tuple[Mark, ...]
    predictions: tuple[Mark, ...]
    title: str = ""

    @classmethod
    def of(cls, values: dict[str, Any]) -> MarkedText:
        """Make one of its fields as JSON has them."""
        marks = {
            name: tuple(make(Mark, mark) for mark in values[name])
            for name in ("targets", "predictions")
        }
        title = str(values.get("title", ""))
        return cls(int(values["row"]), str(values["text"]), title=title, **marks)


@dataclass(frozen=True)
class Rewritten:
    """What a model made of a text, and what is true; ``score`` is that of this row, 0 to 1."""

    row: int
    source: str
    target: str
    output: str
    score: float = math.nan


@dataclass(frozen=True)
class WrongRow:
    """A row that the model got wrong, with how sure it was; NaN where nobody can be.

    ``image`` is a small copy of its image as a ``data:`` address, of which ``text`` is the name.
    """

    row: int
    text: str
    target: str
    prediction: str
    probability: float
    image: str = ""


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
    which rows could not be used; ``decides`` names the score that the verdict goes by; ``top_k``
    has the shares of rows whose true label is among the k likeliest, from k = 1; ``operating``
    says of each label from which probability on it is given; ``rewritten`` has texts that were made
    of others, worst first, ``quality`` which share of the rows (``y``) has at least which score
    (``x``), by model, and ``lengths`` the words of true and written texts; ``rewards`` what chosen
    answers (``targets``) and rejected ones are worth, ``likings`` what answers that stand alone
    are worth, of which the ``targets`` say whether each is liked (1 or 0); ``leaked`` has rows
    that had been seen. What does not suit a task is empty.
    """

    run: str
    split: str
    rows: int
    table: tuple[Judged, ...]
    verdict: str
    labels: tuple[str, ...] = ()
    classes: tuple[ClassScores, ...] = ()
    confusion: Confusion | None = None
    roc: tuple[Curve, ...] = ()
    pr: tuple[Curve, ...] = ()
    errors: tuple[WrongRow, ...] = ()
    left_out: str = ""
    decides: str = "f1_macro"
    scatter: Scatter | None = None
    texts: tuple[MarkedText, ...] = ()
    calibration: Calibration | None = None
    gain: tuple[Curve, ...] = ()
    top_k: tuple[Score, ...] = ()
    slices: Slices | None = None
    operating: tuple[OperatingPoint, ...] = ()
    rewritten: tuple[Rewritten, ...] = ()
    rewards: Scatter | None = None
    likings: Scatter | None = None
    quality: tuple[Curve, ...] = ()
    lengths: Scatter | None = None
    leaked: Leaked | None = None

    @property
    def lines(self) -> tuple[Judged, ...]:
        """The table, and after it the run's model on the rows that it had not seen."""
        if self.leaked is None or not self.leaked.scores:
            return self.table
        return (*self.table, Judged(self.leaked.name, "unseen", self.leaked.scores))

    @property
    def leak(self) -> str:
        """What is to be said of rows that had been seen; empty for nothing."""
        if self.leaked is None:
            return ""
        return self.leaked.words(self.run, self.decides, self.scores[self.decides])

    @property
    def decided(self) -> tuple[OperatingPoint, ...]:
        """The operating points that somebody chose."""
        return tuple(point for point in self.operating if point.rule)

    @property
    def scores(self) -> dict[str, Score]:
        """The scores of the run's model."""
        return self.table[-1].scores

    def to_json(self) -> str:
        """Write the record as JSON; NaN becomes null."""
        return json.dumps(plain(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> EvaluationRecord:
        """Read what `to_json` wrote; unknown fields are passed over."""
        values = json.loads(text)
        values["table"] = [
            {**judged, "scores": {k: make(Score, v) for k, v in judged["scores"].items()}}
            for judged in values["table"]
        ]
        for name, kind in _PARTS.items():
            values[name] = tuple(make(kind, part) for part in values.get(name, ()))
        for name, kind in _MAYBE.items():
            if values.get(name) is not None:
                values[name] = make(kind, values[name])
        if values.get("calibration") is not None:
            values["calibration"] = Calibration.of(values["calibration"])
        if values.get("leaked") is not None:
            values["leaked"] = Leaked.of(values["leaked"])
        if values.get("slices") is not None:
            values["slices"] = Slices.of(values["slices"])
        values["classes"] = tuple(map(ClassScores.of, values.get("classes", ())))
        values["operating"] = tuple(map(OperatingPoint.of, values.get("operating", ())))
        values["texts"] = tuple(map(MarkedText.of, values.get("texts", ())))
        record: EvaluationRecord = make(cls, values)
        return record


_MAYBE: dict[str, type] = {
    "confusion": Confusion,
    "scatter": Scatter,
    "rewards": Scatter,
    "likings": Scatter,
    "lengths": Scatter,
}
_PARTS: dict[str, type] = {
    "table": Judged,
    "roc": Curve,
    "pr": Curve,
    "gain": Curve,
    "top_k": Score,
    "errors": WrongRow,
    "rewritten": Rewritten,
    "quality": Curve,
}
