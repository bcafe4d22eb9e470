"""Texts beside what is true of them: words that only one of the two has are marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from nbtune.plots.texts import short

LONGEST_SOURCE, LONGEST_TEXT = 300, 400
_PART = re.compile(r"\s*(?:\w+|[^\w\s])")


@dataclass(frozen=True)
class Piece:
    """A piece of a text; ``is_own`` says that the other text lacks it."""

    text: str
    is_own: bool = False


@dataclass(frozen=True)
class Pair:
    """A source, what is true of it and what was written, as pieces."""

    source: str
    target: tuple[Piece, ...]
    output: tuple[Piece, ...]
    row: int | None = None
    score: float | None = None

    @property
    def is_right(self) -> bool:
        """Whether both say the same."""
        return not any(piece.is_own for piece in (*self.target, *self.output))


def pair_of(
    source: str, target: str, output: str, row: int | None = None, score: float | None = None
) -> Pair:
    """Set two texts beside each other, cut to what a table has room for."""
    wanted, own = short(target, LONGEST_TEXT), short(output, LONGEST_TEXT)
    return Pair(short(source, LONGEST_SOURCE), *differing(wanted, own), row, score)


def differing(one: str, other: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return both texts as pieces, those that only one has being marked.

    Words count as the same in capitals or not.

    Examples
    --------
    >>> [(piece.text, piece.is_own) for piece in differing("The old cat", "the cat")[0]]
    [('The', False), (' old', True), (' cat', False)]
    """
    own, its = _PART.findall(one), _PART.findall(other)
    plain, plain_its = ([part.strip().lower() for part in parts] for parts in (own, its))
    codes = SequenceMatcher(None, plain, plain_its, autojunk=False).get_opcodes()
    return (
        _pieces(own, [(what, start, stop) for what, start, stop, _, _ in codes]),
        _pieces(its, [(what, start, stop) for what, _, _, start, stop in codes]),
    )


def _pieces(parts: Sequence[str], codes: Sequence[tuple[str, int, int]]) -> tuple[Piece, ...]:
    found = (("".join(parts[start:stop]), what != "equal") for what, start, stop in codes)
    return tuple(Piece(text, is_own) for text, is_own in found if text)
