"""What training a model takes: its weights part by part, the learning rates that were tried."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from nbtune.records.plain import make


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
        return cls(tuple(make(PartParameters, part) for part in json.loads(text)["parts"]))


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
