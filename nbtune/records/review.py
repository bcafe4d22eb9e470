"""Rows that somebody looks through, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbtune.records.corrections import Correction, in_words, read_labels


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
    labels, given : tuple of str
        Where a row has several labels: those that it has, and those that it is given.
    learnt : float
        Of a training row: the mean of its margins in all epochs, as it was when it was learnt from;
        NaN where that is not known.
    off : bool
        Where the truth of a row is no label: whether the model says something else.
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
    labels: tuple[str, ...] | None = None
    given: tuple[str, ...] = ()
    off: bool | None = None
    learnt: float = float("nan")

    @property
    def is_wrong(self) -> bool:
        """Whether the model takes it for something else."""
        return self.label != self.prediction if self.off is None else self.off


@dataclass(frozen=True)
class CurveStop:
    """A threshold of a label: the rows that are given it from there on, and how good that is.

    ``false_rate`` is the share of the rows without the label that are given it.
    """

    threshold: float
    rows: int
    false_rate: float
    recall: float
    precision: float


LEARNT_LAST = "learnt last"
ORDERS: Mapping[str, Callable[[ReviewedRow], Any]] = {
    "suspects first": lambda one: (not one.is_suspect, one.margin),
    "loss": lambda one: -one.loss,
    "confidence": lambda one: -one.probability,
    "row": lambda one: one.row,
    LEARNT_LAST: lambda one: (math.isnan(one.learnt), one.learnt),
}
"""How rows can be sorted; the last one is for training rows that were watched."""


def orders_of(rows: Sequence[ReviewedRow], *, has_suspects: bool) -> list[str]:
    """Return by what these rows can be sorted."""
    is_watched = any(not math.isnan(one.learnt) for one in rows)
    usual = [name for name in ORDERS if is_watched or name != LEARNT_LAST]
    return usual if has_suspects else usual[1:]


@dataclass(frozen=True)
class Wanted:
    """Which rows are wanted: empty for all of them.

    Of rows with several labels ``missed`` are those that are not given one of theirs, ``added``
    those that are given one that is not theirs; ``among`` are the numbers of rows.
    """

    label: str = ""
    prediction: str = ""
    search: str = ""
    wrong: bool = False
    order: str = "suspects first"
    missed: str = ""
    added: str = ""
    among: frozenset[int] | None = None

    def of(
        self, rows: Sequence[ReviewedRow], corrections: Mapping[int, Correction]
    ) -> list[ReviewedRow]:
        """Return them in order; a row that was relabelled has its new label."""
        words = self.search.casefold().split()

        def fits(one: ReviewedRow) -> bool:
            if self.among is not None and one.row not in self.among:
                return False
            own, given = labels_now(one, corrections), one.given or (one.prediction,)
            return (
                (not self.label or self.label in own)
                and (not self.prediction or self.prediction in given)
                and (not self.missed or (self.missed in own and self.missed not in given))
                and (not self.added or (self.added in given and self.added not in own))
                and not (self.wrong and not _is_wrong(one, corrections))
                and all(word in one.text.casefold() for word in words)
            )

        return sorted(filter(fits, rows), key=ORDERS[self.order])


def label_now(one: ReviewedRow, corrections: Mapping[int, Correction]) -> str:
    """Return the label of a row with its correction made, in words."""
    done = corrections.get(one.row)
    return one.label if done is None or not done.new_label else in_words(done.new_label)


def labels_now(one: ReviewedRow, corrections: Mapping[int, Correction]) -> tuple[str, ...]:
    """Return the labels of a row with its correction made."""
    if one.labels is None:
        return (label_now(one, corrections),)
    done = corrections.get(one.row)
    return one.labels if done is None or not done.new_label else read_labels(done.new_label)


def _is_wrong(one: ReviewedRow, corrections: Mapping[int, Correction]) -> bool:
    done = corrections.get(one.row)
    if done is None or not done.new_label:
        return one.is_wrong
    return label_now(one, corrections) != one.prediction
