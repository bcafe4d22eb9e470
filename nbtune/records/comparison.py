"""What is known of several runs beside each other, on the same rows."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from nbtune.records.evaluation import worth
from nbtune.records.plain import make, plain
from nbtune.records.score import Score

COSTS = {
    "seconds": "training time (s)",
    "memory_bytes": "peak memory",
    "parameters": "weights of the model",
    "trainable_parameters": "weights trained",
    "size_bytes": "size on disk",
}
"""What a run can cost, and what an axis calls it."""


@dataclass(frozen=True)
class Course:
    """How the losses of a run fell, over epochs; the training loss is smoothed and thinned."""

    run: str
    epochs: tuple[float, ...]
    losses: tuple[float, ...]
    validation_epochs: tuple[float, ...]
    validation_losses: tuple[float, ...]


@dataclass(frozen=True)
class Contender:
    """A run, or several that differ in nothing but their seed.

    ``settings`` are those in which the contenders differ; scores and costs are means over
    ``runs``, and ``spread`` is the standard deviation of each score over them, empty for one run.
    A cost that nobody measured is NaN.
    """

    name: str
    runs: tuple[str, ...]
    settings: dict[str, str]
    scores: dict[str, Score]
    spread: dict[str, float]
    seconds: float
    memory_bytes: float
    parameters: float
    trainable_parameters: float
    size_bytes: float
    courses: tuple[Course, ...]


@dataclass(frozen=True)
class PairTest:
    """Two contenders on the same rows; ``first`` has the better score.

    ``difference`` is first minus second, ``p_value`` that of the paired bootstrap, ``adjusted``
    the same by Holm for all pairs of the comparison. ``only_first`` rows only the first has
    right, and ``mcnemar`` is the exact p-value of these counts; NaN where seeds are grouped.
    """

    first: str
    second: str
    difference: Score
    p_value: float
    adjusted: float
    only_first: int
    only_second: int
    mcnemar: float

    @property
    def is_shown(self) -> bool:
        """Whether the first is shown to be better, all pairs allowed for."""
        return self.adjusted < 0.05


@dataclass(frozen=True)
class ComparisonRecord:
    """Contenders, best first; their pairs; and a verdict in words.

    ``metric`` decides who is better, ``cost`` is what quality is weighed against; ``notes`` say
    what was done so that all are scored on the same rows.
    """

    split: str
    rows: int
    metric: str
    cost: str
    contenders: tuple[Contender, ...]
    pairs: tuple[PairTest, ...]
    verdict: str
    notes: tuple[str, ...] = ()

    @property
    def front(self) -> tuple[str, ...]:
        """Names of the contenders that no other one beats in both quality and cost."""
        return self.front_by(self.cost)

    def front_by(self, cost: str) -> tuple[str, ...]:
        """Return the front where quality is weighed against this cost, one of `COSTS`."""
        costs = [getattr(one, cost) for one in self.contenders]
        worths = [worth(self.metric, one.scores[self.metric].value) for one in self.contenders]
        kept = pareto_front(costs, worths)
        return tuple(self.contenders[i].name for i in kept)

    def to_json(self) -> str:
        """Write the record as JSON; NaN becomes null."""
        return json.dumps(plain(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ComparisonRecord:
        """Read what `to_json` wrote; unknown fields are passed over."""
        values = json.loads(text)
        for one in values["contenders"]:
            one["scores"] = {name: make(Score, score) for name, score in one["scores"].items()}
            one["courses"] = tuple(make(Course, course) for course in one["courses"])
        for pair in values["pairs"]:
            pair["difference"] = make(Score, pair["difference"])
        values["contenders"] = tuple(make(Contender, one) for one in values["contenders"])
        values["pairs"] = tuple(make(PairTest, pair) for pair in values["pairs"])
        record: ComparisonRecord = make(cls, values)
        return record


def pareto_front(costs: Sequence[float], worths: Sequence[float]) -> list[int]:
    """Return the places of those that nothing else dominates, the cheapest first.

    One dominates another when it costs no more and is worth no less, and one of the two is
    strictly so. What has no known cost is not on the front.

    Examples
    --------
    >>> pareto_front([1.0, 2.0, 3.0], [0.5, 0.4, 0.9])
    [0, 2]
    """
    known = [i for i, cost in enumerate(costs) if not math.isnan(cost)]
    ranked = sorted(known, key=lambda i: (costs[i], -worths[i]))
    front: list[int] = []
    for i in ranked:
        best = worths[front[-1]] if front else -math.inf
        twin = front and (costs[front[-1]], worths[front[-1]]) == (costs[i], worths[i])
        if worths[i] > best or twin:
            front.append(i)
    return front
