"""How good a model is on parts of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbtune.records.plain import make
from nbtune.records.score import Score

RIGHT = "right"
"""The measure of rows that are right or wrong."""


def measured(measure: str) -> str:
    """Say in words what the number of a slice is."""
    return "share that is right" if measure == RIGHT else f"mean {measure} of a row"


@dataclass(frozen=True)
class Slice:
    """Rows that have something in common, and the mean of what they score one by one.

    ``rest`` is the mean of all other rows, and ``p_value`` says how surprising it is to be so much
    worse than they are, all slices that were looked at allowed for.
    """

    what: str
    value: str
    rows: int
    score: Score
    rest: float
    p_value: float

    @property
    def name(self) -> str:
        """What the rows have in common."""
        return f"{self.what} {self.value}"

    @classmethod
    def of(cls, values: dict[str, Any]) -> Slice:
        """Make one of its fields as JSON has them; older records know only rows that are right."""
        score = values["score"] if "score" in values else values["right"]
        found: Slice = make(cls, {**values, "score": make(Score, score)})
        return found


@dataclass(frozen=True)
class Slices:
    """Parts of the rows: those that were asked for, and those shown to be worse than the rest.

    ``by`` is the column that was asked for, empty for none, and ``asked`` has its values; ``worst``
    were found among ``looked_at`` slices. ``measure`` is what each row scores by itself: whether it
    is ``right``, or the name of a score.
    """

    by: str
    asked: tuple[Slice, ...]
    worst: tuple[Slice, ...]
    looked_at: int
    measure: str = RIGHT

    @property
    def overall(self) -> float:
        """The mean of all rows; NaN where no column was asked for."""
        rows = sum(one.rows for one in self.asked)
        total = sum(one.rows * one.score.value for one in self.asked)
        return total / rows if rows else float("nan")

    @property
    def measured(self) -> str:
        """What is said of each slice."""
        return measured(self.measure)

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        where = f"{self.looked_at:,} slices by length, columns and frequent words"
        if not self.looked_at:
            return "Too few rows to look for slices on which the model is worse."
        if not self.worst:
            return f"None of {where} is shown to be worse than the rest."
        count = len(self.worst)
        verb = "is" if count == 1 else "are"
        return f"{count} of {where} {verb} worse than the rest, beyond chance (after Holm)."

    @classmethod
    def of(cls, values: dict[str, Any]) -> Slices:
        """Make them of their fields as JSON has them."""
        parts = {name: [Slice.of(one) for one in values[name]] for name in ("asked", "worst")}
        found: Slices = make(cls, {**values, **parts})
        return found
