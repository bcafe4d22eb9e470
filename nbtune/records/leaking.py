"""Rows to judge on that a run had seen before, and the scores without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbtune.records.plain import make
from nbtune.records.score import Score


@dataclass(frozen=True)
class Leaked:
    """How many of the ``rows`` a run was trained on, or looked at while it was, and what is left.

    ``validation`` counts those that no training row is; ``scores`` are those of all other rows,
    empty where there are none.
    """

    rows: int
    train: int
    validation: int
    scores: dict[str, Score]

    @property
    def count(self) -> int:
        """How many there are."""
        return self.train + self.validation

    @property
    def name(self) -> str:
        """What the scores of the other rows are called."""
        return f"without {self.count:,} leaked row{'s' * (self.count > 1)}"

    def words(self, run: str, decides: str, whole: Score) -> str:
        """Say how many they are, and what they make of the score that ``decides``."""
        if not self.scores:
            return (
                f"All of these rows were there when {run} was trained: the scores say how well it "
                "remembers them, not how good it is on others."
            )
        parts = {"training": self.train, "validation": self.validation}
        seen = " and ".join(f"{count:,} are {name} rows" for name, count in parts.items() if count)
        own = self.scores[decides]
        span = f" ({own.low:.3f} to {own.high:.3f})" if own.low == own.low else ""
        return (
            f"Of these {self.rows:,} rows {seen} too, which {run} has seen before; without them "
            f"{decides} is {own.value:.3f}{span} instead of {whole.value:.3f}."
        )

    @classmethod
    def of(cls, values: dict[str, Any]) -> Leaked:
        """Make one of its fields as JSON has them."""
        scores = {name: make(Score, one) for name, one in values["scores"].items()}
        found: Leaked = make(cls, values | {"scores": scores})
        return found
