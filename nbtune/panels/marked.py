"""Texts with coloured parts: what is marked in them, and what should be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nbtune.panels.html import percent
from nbtune.plots.texts import short
from nbtune.records import EvaluationRecord, Mark, MarkedText

COLOURS = 6
"""Colours of the style sheet; a name stands beside each mark, so that they may come twice."""
MOST_CHARACTERS = 400


@dataclass(frozen=True)
class Piece:
    """A piece of a text; ``label`` is empty where nothing is marked, ``colour`` counts from 0."""

    text: str
    label: str = ""
    colour: int = 0
    is_wrong: bool = False


@dataclass(frozen=True)
class Line:
    """A text as it should be marked, and as it was; one of them where they are the same."""

    row: int
    targets: tuple[Piece, ...]
    predictions: tuple[Piece, ...]
    title: str = ""

    @property
    def is_right(self) -> bool:
        """Whether nothing in it is wrong."""
        return not any(piece.is_wrong for piece in (*self.targets, *self.predictions))


def marked_lines(record: EvaluationRecord) -> list[Line]:
    """Return the marked texts of a record as pieces."""
    colours = {one.label: place % COLOURS for place, one in enumerate(record.classes)}
    return [_line(text, colours) for text in record.texts]


def _line(text: MarkedText, colours: dict[str, int]) -> Line:
    return Line(
        text.row,
        _pieces(text.text, text.targets, text.predictions, colours),
        _pieces(text.text, text.predictions, text.targets, colours),
        short(text.title),
    )


def _pieces(
    text: str, marks: Sequence[Mark], others: Sequence[Mark], colours: dict[str, int]
) -> tuple[Piece, ...]:
    found, at = [], 0
    for mark in marks:
        if mark.end > MOST_CHARACTERS:
            break
        found.append(Piece(short(text[at : mark.start])))
        inside = short(text[mark.start : mark.end])
        sure = "" if math.isnan(mark.probability) else f" {percent(mark.probability)}"
        is_wrong = not any(mark.says(other) for other in others)
        label = short(mark.label, 30) + sure
        found.append(
            Piece(inside, label, colours.get(mark.label, len(colours) % COLOURS), is_wrong)
        )
        at = mark.end
    rest = short(text[at:MOST_CHARACTERS]) + ("…" if len(text) > MOST_CHARACTERS else "")
    return tuple(piece for piece in (*found, Piece(rest)) if piece.text.strip())
