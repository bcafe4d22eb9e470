"""The probability from which on a label is given: what it is chosen for, and what it decides."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from nbtune.errors import RecipeError
from nbtune.records.plain import make
from nbtune.records.score import Score

USUAL = 0.5
_NUMBER = r"\d*\.?\d+"
_CHOICE = re.compile(
    rf"(?:(?P<label>.+?):)??(?P<rule>default|f1|(?:precision|recall)={_NUMBER}"
    rf"|cost={_NUMBER}:{_NUMBER}|{_NUMBER})"
)
EXAMPLES = ("precision=0.95", "recall=0.9", "cost=5:1", "f1", "0.3", "default")


@dataclass(frozen=True)
class Choice:
    """What a threshold is chosen for, of one label or of each.

    Attributes
    ----------
    kind : str
        ``precision`` or ``recall``, of at least the value; ``cost``, of a false alarm and of a
        miss, as little as can be; ``f1``, as much as can be; ``at``, a probability itself;
        ``default``.
    values : tuple of float
        The numbers of the rule.
    label : str
        Empty for every label, of two the second one.
    """

    kind: str
    values: tuple[float, ...] = ()
    label: str = ""

    @classmethod
    def of(cls, text: str | float) -> Choice:
        """Read ``precision=0.95``, ``spam:recall=0.9``, ``cost=5:1``, ``f1``, ``0.3``, ``default``.

        Raises
        ------
        RecipeError
            When it is none of these, or a number is out of its range.

        Examples
        --------
        >>> Choice.of("spam:precision=0.95")
        Choice(kind='precision', values=(0.95,), label='spam')
        """
        found = _CHOICE.fullmatch(str(text).strip())
        if found is None:
            raise RecipeError(
                f"threshold: {str(text)!r} says nothing that a threshold can be chosen for",
                hint=f"one of {', '.join(EXAMPLES)}; of one label: spam:precision=0.95",
            )
        kind, _, numbers = found["rule"].rpartition("=")
        if not kind:
            kind = numbers if numbers in ("default", "f1") else "at"
        values = tuple(map(float, numbers.split(":"))) if kind not in ("default", "f1") else ()
        choice = cls(kind, values, found["label"] or "")
        if kind == "cost" and not min(values) > 0:
            raise RecipeError(
                f"threshold: {choice.rule} has a cost of 0", hint="what costs nothing is not a cost"
            )
        if kind in ("precision", "recall", "at") and not 0 < values[0] <= 1:
            raise RecipeError(
                f"threshold: {choice.rule} is not a share between 0 and 1",
                hint=f"for example: {kind}=0.95" if kind != "at" else "for example: 0.3",
            )
        return choice

    @property
    def rule(self) -> str:
        """The rule without the label, as it is written."""
        numbers = ":".join(f"{value:g}" for value in self.values)
        return numbers if self.kind == "at" else f"{self.kind}={numbers}" if numbers else self.kind

    def __str__(self) -> str:
        return f"{self.label}:{self.rule}" if self.label else self.rule

    @property
    def needs_rows(self) -> bool:
        """Whether it takes rows to know the threshold."""
        return self.kind not in ("at", "default")

    def about(self, label: str) -> Choice:
        """Return the same choice for one label."""
        return replace(self, label=label)


def choices_of(threshold: str | float | Iterable[str | float] | None) -> tuple[Choice, ...]:
    """Read one choice, several, or none."""
    if threshold is None:
        return ()
    if isinstance(threshold, str | int | float):
        return (Choice.of(threshold),)
    return tuple(map(Choice.of, threshold))


@dataclass(frozen=True)
class Decisions:
    """What rows are given a label from a probability on: right, false alarms, misses, and rest."""

    threshold: float
    right: int
    false_alarms: int
    misses: int
    rest: int
    precision: Score
    recall: Score

    @property
    def false_positive_rate(self) -> float:
        """The share of the rows without the label that are given it."""
        return self.false_alarms / max(1, self.false_alarms + self.rest)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Decisions:
        """Make one of its fields as JSON has them."""
        scores = {name: make(Score, values[name]) for name in ("precision", "recall")}
        found: Decisions = make(cls, {**values, **scores})
        return found


@dataclass(frozen=True)
class OperatingPoint:
    """How one label is decided, beside a threshold of one half; ``rule`` as in `Choice`.

    The rule is empty where nobody chose a threshold for this label.
    """

    label: str
    at: Decisions
    usual: Decisions
    rule: str = ""

    @property
    def costs(self) -> tuple[float, float] | None:
        """What the decisions cost, and what they would at one half; None without costs."""
        choice = Choice.of(self.rule) if self.rule else None
        if choice is None or choice.kind != "cost":
            return None
        alarm, miss = choice.values
        at, usual = (alarm * one.false_alarms + miss * one.misses for one in (self.at, self.usual))
        return at, usual

    @property
    def words(self) -> str:
        """What the threshold does on these rows, in a sentence."""
        at, usual = self.at, self.usual
        return (
            f"{self.label} is given from {at.threshold:.3g} on ({self.rule}): precision "
            f"{at.precision.value:.3f}, recall {at.recall.value:.3f}; from 0.5 on it would be "
            f"{usual.precision.value:.3f} and {usual.recall.value:.3f}."
        )

    @classmethod
    def of(cls, values: dict[str, Any]) -> OperatingPoint:
        """Make one of its fields as JSON has them."""
        parts = {name: Decisions.of(values[name]) for name in ("at", "usual")}
        found: OperatingPoint = make(cls, {**values, **parts})
        return found
