"""Rows that somebody looks through, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbtune.records.corrections import Correction


@dataclass(frozen=True)
class ReviewedRow:
    """A row with its label, and what a model says of it.

    Attributes
    ----------
    row : int
        Where it stands in the user's data.
    probability : float
        Of the label that is predicted.
    loss : float
        Minus the logarithm of the probability of its own label, in nats.
    margin : float
        By how much its own label is likelier than any other, from -1 to 1.
    is_suspect : bool
        Whether its label is in doubt.
    likely : tuple of (str, float)
        The likeliest labels with their probabilities, the first ones first.
    image : str
        The image of the row, as `nbtune.data.pictures` keeps it; empty where there is none.
    """

    row: int
    text: str
    label: str
    prediction: str
    probability: float
    loss: float
    margin: float
    is_suspect: bool
    likely: tuple[tuple[str, float], ...]
    image: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether the model takes it for something else."""
        return self.label != self.prediction


ORDERS: Mapping[str, Callable[[ReviewedRow], Any]] = {
    "suspects first": lambda one: (not one.is_suspect, one.margin),
    "loss": lambda one: -one.loss,
    "confidence": lambda one: -one.probability,
    "row": lambda one: one.row,
}
"""How rows can be sorted."""


@dataclass(frozen=True)
class Wanted:
    """Which rows are wanted: empty for all of them."""

    label: str = ""
    prediction: str = ""
    search: str = ""
    wrong: bool = False
    order: str = "suspects first"

    def of(
        self, rows: Sequence[ReviewedRow], corrections: Mapping[int, Correction]
    ) -> list[ReviewedRow]:
        """Return them in order; a row that was relabelled has its new label."""
        words = self.search.casefold().split()

        def fits(one: ReviewedRow) -> bool:
            label = label_now(one, corrections)
            return (
                self.label in ("", label)
                and self.prediction in ("", one.prediction)
                and not (self.wrong and label == one.prediction)
                and all(word in one.text.casefold() for word in words)
            )

        return sorted(filter(fits, rows), key=ORDERS[self.order])


def label_now(one: ReviewedRow, corrections: Mapping[int, Correction]) -> str:
    """Return the label of a row with its correction made."""
    done = corrections.get(one.row)
    return one.label if done is None else done.new_label or one.label
