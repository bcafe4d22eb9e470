"""Words, tags and spans: how a text falls into words, and what tags say of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

OUTSIDE = "O"
# The last word of a span and a span of one word, in BILOU and in BIOES.
_AS_BIO = {"L": "I", "E": "I", "U": "B", "S": "B"}


@dataclass(frozen=True, order=True)
class Span:
    """Neighbouring words of one type: from word ``start`` to before word ``stop``."""

    start: int
    stop: int
    type: str


def word_places(text: str, splitting: str = "punctuation") -> list[tuple[int, int]]:
    """Return where each word of a text begins and ends.

    Parameters
    ----------
    splitting : {"punctuation", "spaces"}
        Whether signs are words of their own, or stay with the word they stand at.
    """
    return [found.span() for found in _word(splitting).finditer(text)]


@cache
def _word(splitting: str) -> re.Pattern[str]:
    if splitting == "spaces":
        return re.compile(r"\S+")
    # Accents and vowels that are written on letters are no letters to `re`, and end no word.
    marks = "".join(
        chr(code) for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M"
    )
    return re.compile(rf"[\w{marks}]+|[^\w\s{marks}]")


def places_in(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Return where words that make up a text stand in it."""
    places, at = [], 0
    for word in words:
        start = text.index(word, at)
        at = start + len(word)
        places.append((start, at))
    return places


def as_bio(tags: Sequence[str]) -> list[str]:
    """Return tags as B-, I- and O, whether they came as BIO, BILOU or BIOES."""
    found = []
    for tag in tags:
        mark, dash, kind = tag.partition("-")
        found.append(f"{_AS_BIO.get(mark, mark)}-{kind}" if dash and kind else tag)
    return found


def breaks_bio(tags: Sequence[str]) -> str:
    """Return the first tag that goes on with a span which nothing began; empty for none."""
    before = OUTSIDE
    for tag in tags:
        if tag.startswith("I-") and before not in (tag, f"B-{tag[2:]}"):
            return tag
        before = tag
    return ""


def is_iob1(sentences: Iterable[Sequence[str]]) -> bool:
    """Whether tags are those of IOB1, in which CoNLL-2003 was published.

    There I- begins a span, and B- only one that stands right behind another of its type.

    Examples
    --------
    >>> is_iob1([["I-PER", "B-PER"]]), is_iob1([["B-PER", "O", "I-PER"]]), is_iob1([["B-PER"]])
    (True, False, False)
    """
    begins = False
    for tags in sentences:
        for before, tag in pairwise([OUTSIDE, *tags]):
            goes_on = before[:2] in ("B-", "I-") and before[2:] == tag[2:]
            if tag.startswith("B-") and not goes_on:
                return False
            begins |= tag.startswith("I-") and not goes_on
    return begins


def bio_of_iob1(tags: Sequence[str]) -> list[str]:
    """Return tags of IOB1 as those of BIO.

    Examples
    --------
    >>> bio_of_iob1(["I-PER", "I-PER", "B-PER", "I-LOC", "O"])
    ['B-PER', 'I-PER', 'B-PER', 'B-LOC', 'O']
    """
    found: list[str] = []
    for tag in tags:
        goes_on = found and found[-1] in (tag, f"B-{tag[2:]}")
        found.append(f"B-{tag[2:]}" if tag.startswith("I-") and not goes_on else tag)
    return found


def spans_of(tags: Sequence[str]) -> list[Span]:
    """Return the spans of BIO tags, read strictly: only B- begins one.

    A tag that is neither O nor begins with B- or I- is a span of one word.

    Examples
    --------
    >>> spans_of(["B-place", "I-place", "O", "I-place", "NOUN"])
    [Span(start=0, stop=2, type='place'), Span(start=4, stop=5, type='NOUN')]
    """
    spans: list[Span] = []
    before = OUTSIDE
    for place, tag in enumerate(tags):
        kind = tag[2:]
        goes_on = tag.startswith("I-") and spans and spans[-1].stop == place
        if goes_on and before in (tag, f"B-{kind}"):
            spans[-1] = Span(spans[-1].start, place + 1, kind)
        elif tag.startswith("B-"):
            spans.append(Span(place, place + 1, kind))
        elif tag != OUTSIDE and not tag.startswith("I-"):
            spans.append(Span(place, place + 1, tag))
        before = tag
    return spans


def tags_of(spans: Sequence[Span], words: int) -> list[str]:
    """Return the BIO tags of spans that do not overlap."""
    tags = [OUTSIDE] * words
    for span in spans:
        tags[span.start : span.stop] = [f"I-{span.type}"] * (span.stop - span.start)
        tags[span.start] = f"B-{span.type}"
    return tags


def type_of(tag: str) -> str:
    """Return the type that a tag speaks of."""
    return tag[2:] if tag[:2] in ("B-", "I-") else tag
