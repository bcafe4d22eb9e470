"""Words of a text as a reader sees them, and which tokens make them up."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from nbtune.records.marking import MARK

Place = tuple[int, int]
"""First character, and the one after the last."""
_WITHIN = "'’-_"
"""Signs that stay in a word between two letters; between two numbers they part them."""
_ALONE = ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
"""Kana and Chinese signs: nothing parts their words, so each is one."""


def words_in(text: str) -> list[Place]:
    """Return where the words of a text stand; signs are words of their own, marks are one.

    Examples
    --------
    >>> text = "a [E1] cat [/E1]"
    >>> [text[a:b] for a, b in words_in(text)]
    ['a', '[E1]', 'cat', '[/E1]']
    >>> text = "It's well-known, 世界! 1815-1852"
    >>> [text[a:b] for a, b in words_in(text)]
    ["It's", 'well-known', ',', '世', '界', '!', '1815', '-', '1852']
    """
    found, at = [], 0
    for start, stop in [*(one.span() for one in MARK.finditer(text)), (len(text), len(text))]:
        found += [(at + a, at + b) for a, b in _words(text[at:start])]
        found += [(start, stop)] if stop > start else []
        at = stop
    return found


def _words(text: str) -> Iterator[Place]:
    start = None
    for at, sign in enumerate(text):
        kind = _kind(sign)
        around = text[at - 1 : at + 2]
        if sign in _WITHIN and len(around) == 3 and (around[0] + around[2]).isalpha():
            kind = "L" if _kind(around[0]) == _kind(around[2]) == "L" else kind
        if kind == "L" and start is None:
            start = at
        if kind != "L":
            if start is not None:
                yield start, at
            start = None
            if kind != " ":
                yield at, at + 1
    if start is not None:
        yield start, len(text)


def _kind(sign: str) -> str:
    """Return ``L`` for what makes up words, a blank for space, ``S`` for what stands alone."""
    if sign.isspace():
        return " "
    if any(low <= ord(sign) <= high for low, high in _ALONE):
        return "S"
    return "S" if unicodedata.category(sign)[0] in "PS" else "L"


def word_of_each(tokens: Sequence[Place], words: Sequence[Place]) -> list[int]:
    """Return which word each token is part of, -1 for none; one of several is of the first.

    Both are in the order of the text. Tokens may count the space before them in.
    """
    found, word = [], 0
    for start, stop in tokens:
        while word < len(words) and words[word][1] <= start:
            word += 1
        has = word < len(words) and words[word][0] < stop
        found.append(word if has else -1)
    return found
