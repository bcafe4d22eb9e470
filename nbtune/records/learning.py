"""How a score grows with the rows that are learnt from, and how far it moves with the seed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from nbtune.records.plain import make, plain
from nbtune.records.score import Score


@dataclass(frozen=True)
class CurvePoint:
    """A run on some of the rows: how many, which draw of them, and the score on the test rows.

    ``rival`` is the best baseline that learnt from the same rows; NaN without one.
    """

    run: str
    rows: int
    draw: int
    score: Score
    rival: float
    seconds: float


@dataclass(frozen=True)
class PowerLaw:
    """``ceiling - amount * rows ** -exponent``, of scores of which more is better."""

    ceiling: float
    amount: float
    exponent: float

    def __call__(self, rows: Any) -> Any:
        """Return the score at so many rows, one number or an array of them."""
        return self.ceiling - self.amount * rows**-self.exponent


@dataclass(frozen=True)
class Band:
    """A curve with its 95 % band, for drawing."""

    rows: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class LearningCurveRecord:
    """Scores of the recipe on nested shares of the rows, and what the curve through them foretells.

    Attributes
    ----------
    points : tuple of CurvePoint
        The fewest rows first; the run itself is the last.
    planned : int
        How many points there will be when none is missing.
    law : PowerLaw, optional
        The fit; of a score of which less is better, that of its negative.
    more : int
        So many more rows are foretold.
    gain : Score, optional
        What they bring, in the score itself; None where the curve carries no forecast.
    words : str
        What there is to say, in sentences.
    """

    run: str
    split: str
    rows: int
    metric: str
    points: tuple[CurvePoint, ...]
    planned: int
    rival: str
    law: PowerLaw | None
    band: Band | None
    more: int
    gain: Score | None
    words: str

    def to_json(self) -> str:
        """Return the record as JSON; NaN becomes null."""
        return json.dumps(plain(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> LearningCurveRecord:
        """Read what `to_json` wrote; unknown fields are passed over."""
        values = json.loads(text)
        for name, kind in {"law": PowerLaw, "band": Band, "gain": Score}.items():
            if values.get(name) is not None:
                values[name] = make(kind, values[name])
        values["points"] = tuple(
            make(CurvePoint, {**point, "score": make(Score, point["score"])})
            for point in values["points"]
        )
        record: LearningCurveRecord = make(cls, values)
        return record


@dataclass(frozen=True)
class SeedScores:
    """One score over the seeds, the mean with its interval over rows and seeds, and a baseline's.

    ``spread`` is the standard deviation over seeds; ``gap`` the lead of the mean over the baseline.
    """

    name: str
    values: tuple[float, ...]
    mean: Score
    spread: float
    rival: float
    gap: Score


@dataclass(frozen=True)
class SeedSpreadRecord:
    """The scores of a recipe with several seeds, the run itself first."""

    run: str
    split: str
    rows: int
    metric: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    planned: int
    rival: str
    scores: tuple[SeedScores, ...]
    words: str

    def __getitem__(self, name: str) -> SeedScores:
        """Return a score by its name."""
        return next(one for one in self.scores if one.name == name)

    def to_json(self) -> str:
        """Return the record as JSON; NaN becomes null."""
        return json.dumps(plain(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> SeedSpreadRecord:
        """Read what `to_json` wrote; unknown fields are passed over."""
        values = json.loads(text)
        values["scores"] = tuple(
            make(
                SeedScores,
                {**one, "mean": make(Score, one["mean"]), "gap": make(Score, one["gap"])},
            )
            for one in values["scores"]
        )
        record: SeedSpreadRecord = make(cls, values)
        return record
