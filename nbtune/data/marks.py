"""Marks around spans of a text: where a relation begins and ends, what a role is a role of.

Baldini Soares et al. 2019 ("Matching the Blanks"): the marks are tokens of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nbtune.records.marking import FIRST, MARKS, NAMES, SECOND, SPACED

_WRITTEN = re.compile(r"[<\[](/?)e([12])[>\]]", re.IGNORECASE)
__all__ = ["FIRST", "MARKS", "NAMES", "SECOND"]

Place = tuple[int, int]
"""From which character to before which."""


def holds_marks(text: str) -> bool:
    """Whether there is any mark in a text, written as ``[E1]`` or ``<e1>``."""
    return _WRITTEN.search(text) is not None


def marked(text: str, places: Sequence[Place]) -> str:
    """Return a text with marks around the head and the tail.

    Examples
    --------
    >>> marked("The cat sat on the mat.", [(4, 7), (19, 22)])
    'The [E1] cat [/E1] sat on the [E2] mat [/E2].'
    """
    found = list(zip((FIRST, SECOND), places, strict=False))
    for (begin, end), (start, stop) in sorted(found, key=lambda one: -one[1][0]):
        inside = text[start:stop].strip()
        text = f"{text[:start]}{begin} {inside} {end}{text[stop:]}"
    return text


def unmarked(text: str) -> str:
    """Return a text without its marks.

    Examples
    --------
    >>> unmarked("The [E1] cat [/E1] sat on the [E2] mat [/E2].")
    'The cat sat on the mat.'
    """
    return SPACED.sub(r"\2", text)


def in_our_marks(text: str) -> tuple[str, str]:
    """Return a marked text with marks as they are written here, and what is wrong with them.

    The second is empty where both spans are there, hold something, and do not meet.

    Examples
    --------
    >>> in_our_marks("The <e1>cat</e1> sat.")
    ('', 'no [E2], no [/E2]')
    """
    found = [(one.start(), one.end(), f"[{one[1]}E{one[2]}]") for one in _WRITTEN.finditer(text)]
    marks = [mark for _, _, mark in found]
    if wrong := [f"no {mark}" for mark in MARKS if mark not in marks]:
        whole = ["no marked spans"] if len(wrong) == len(MARKS) else wrong
        return "", ", ".join(whole)
    if twice := [mark for mark in MARKS if marks.count(mark) > 1]:
        return "", f"{twice[0]} more than once"
    if marks not in ([*FIRST, *SECOND], [*SECOND, *FIRST]):
        return "", "spans that overlap, or end before they begin"
    edges = [0, *(edge for start, end, _ in found for edge in (start, end)), len(text)]
    before, one, between, other, after = (text[a:b] for a, b in list(pairwise(edges))[::2])
    if not one.strip() or not other.strip():
        return "", "an empty span"
    first, second = (marks[:2], marks[2:])
    parts = (
        f"{before}{first[0]} {one.strip()} {first[1]}",
        f"{between}{second[0]} {other.strip()} {second[1]}",
    )
    return "".join([*parts, after]), ""


def places_of_marked(text: str) -> list[Place]:
    """Return where the spans stand in a text, with their marks, from left to right."""
    return [one.span() for one in SPACED.finditer(text)]


def parts_of(text: str) -> tuple[str, str, str, str, str, bool]:
    """Return what stands before, in, between, in and after the spans; whether the head is first."""
    one, other = SPACED.finditer(text)
    pieces = text[: one.start()], one[2], text[one.end() : other.start()], other[2]
    return *pieces, text[other.end() :], one[1] == "1"


def add_marks(tokenizer: Any, marks: Sequence[str]) -> None:
    """Have a tokenizer know marks as tokens of their own; it is changed in place."""
    from tokenizers import AddedToken

    # A space before a mark is the mark's, one behind it is that of the next word: so words keep
    # the tokens that they have without marks.
    made = [AddedToken(one, lstrip=True, normalized=False, special=True) for one in marks]
    if made:
        tokenizer.add_tokens(made, special_tokens=True)
