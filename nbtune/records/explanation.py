"""Which words of a text, or patches of an image, a prediction rests on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from nbtune.records.plain import make, plain

EXPLAINED_BY = ("integrated-gradients", "gradient-x-input", "attention-rollout")
"""Ways to say how much each word does, the usual one first."""


PATCH = -1


@dataclass(frozen=True)
class WordShare:
    """A word and what it does: above 0 it speaks for what was predicted, below 0 against it.

    Attributes
    ----------
    part : int
        Which of the texts it stands in, from 0; `PATCH` for a patch of the image.
    start, end : int
        Its characters there; of a patch its row and column, from 1.
    """

    part: int
    start: int
    end: int
    value: float


@dataclass(frozen=True)
class Deletion:
    """What becomes of a prediction while words are blanked out, those that speak for it first.

    Attributes
    ----------
    counts : tuple of int
        So many words are blank, from none to all.
    ranked, random : tuple of float
        The probability, or number, that is left: by the order of an explanation, and the mean over
        random orders.
    """

    counts: tuple[int, ...]
    ranked: tuple[float, ...]
    random: tuple[float, ...]

    @property
    def area(self) -> float:
        """By how much the ranked order is lower than a random one, on average over all counts.

        The area between both curves (Samek et al. 2017, section III-B), all words being 1.
        """
        gaps = [a - b for a, b in zip(self.random, self.ranked, strict=True)]
        widths = [b - a for a, b in pairwise(self.counts)]
        means = [(a + b) / 2 for a, b in pairwise(gaps)]
        whole = sum(widths)
        return sum(w * m for w, m in zip(widths, means, strict=True)) / whole if whole else 0.0

    def halved(self, course: tuple[float, ...]) -> int | None:
        """Return how many words it takes until half is left; None where it never comes to that."""
        half = course[0] / 2
        return next((n for n, v in zip(self.counts, course, strict=True) if v <= half), None)


@dataclass(frozen=True)
class Explanation:
    """Why a run says something of a row.

    Attributes
    ----------
    row : int
        Its number in the data, or among the texts that were given.
    texts : tuple of str
        What the run read: one text, or two of a pair or a question and its context.
    label : str
        What is explained: a label, the type of a span, or an answer.
    probability : float
        Of it; not a number where numbers were learnt.
    said : float
        The number that is explained, made of logits; ``what`` says how.
    blank : float
        The same for the text with every word blanked out.
    steps : int
        Points on the way from there that gradients were taken at; 0 where there is no such way.
    target : str
        What is true of the row, empty where that is not known.
    span : tuple of int
        Characters of the last text that are marked: the span or answer; empty for none.
    rest : float
        What tokens of no word do, such as those at both ends.
    cut : bool
        Whether less than all of it was read at once.
    picture : str
        The image as the model sees it, small, as a ``data:`` address; empty where there is none.
    grid : tuple of int
        Its patches downwards and across.
    """

    run: str
    row: int
    texts: tuple[str, ...]
    label: str
    probability: float
    method: str
    words: tuple[WordShare, ...]
    said: float
    blank: float
    blank_word: str
    what: str = "logit"
    steps: int = 0
    target: str = ""
    span: tuple[int, ...] = ()
    rest: float = 0.0
    cut: bool = False
    deletion: Deletion | None = None
    picture: str = ""
    grid: tuple[int, ...] = ()

    @property
    def pieces(self) -> str:
        """What is blanked out: words, patches or both."""
        if not self.grid:
            return "word"
        return "patch and word" if self.texts else "patch"

    @property
    def sum(self) -> float:
        """Sum of what all words do, and the tokens of no word."""
        return sum(word.value for word in self.words) + self.rest

    @property
    def difference(self) -> float:
        """What all words together do: the logit with them, less the one without."""
        return self.said - self.blank

    @property
    def share(self) -> dict[WordShare, float]:
        """What each word does, as a part of all that is done for and against, from -1 to 1."""
        whole = sum(abs(word.value) for word in self.words) or 1.0
        return {word: word.value / whole for word in self.words}

    def text_of(self, word: WordShare) -> str:
        """Return a word as it is written, and of a patch where it is."""
        if word.part == PATCH:
            return f"row {word.start}, column {word.end}"
        return self.texts[word.part][word.start : word.end]

    def to_json(self) -> str:
        """Return the record as JSON."""
        return json.dumps(plain(asdict(self)), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Explanation:
        """Read a record."""
        found: dict[str, Any] = json.loads(text)
        words = tuple(make(WordShare, one) for one in found.pop("words"))
        deletion = found.pop("deletion", None)
        made = None if deletion is None else make(Deletion, deletion)
        return make(cls, {**found, "words": words, "deletion": made})  # type: ignore[no-any-return]
