"""BLEU and chrF: how much of a text another one has, from counts that add up over rows.

A score of a whole corpus comes from sums of the counts of its rows. So all scores of all
resamples are a product of weights with these counts, and no text is looked at twice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
WORD_ORDER, CHARACTER_ORDER = 4, 6
"""Longest runs of words of BLEU (Papineni et al. 2002), of characters of chrF (Popović 2015)."""
BETA = 2.0
"""chrF: recall counts so many times as much as precision."""
_APART = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


def words_apart(text: str) -> list[str]:
    """Return words and signs as BLEU counts them: mteval's 13a, as sacrebleu has it (Post 2018).

    Examples
    --------
    >>> words_apart("It's 3.5 m, too.")
    ["It's", '3.5', 'm', ',', 'too', '.']
    """
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in text:
        for entity, sign in _ENTITIES:
            text = text.replace(entity, sign)
    text = f" {text} "
    for pattern, apart in _APART:
        text = pattern.sub(apart, text)
    return text.split()


def bleu_counts(said: str, true: str) -> list[int]:
    """Return runs that match by their length, runs that there are, and words of both texts."""
    own, wanted = words_apart(said), words_apart(true)
    lengths = range(1, WORD_ORDER + 1)
    found = [_matches(_runs(own, n), _runs(wanted, n)) for n in lengths]
    return [*(both for _, _, both in found), *(there for there, _, _ in found),
            len(own), len(wanted)]  # fmt: skip


def bleu(counts: Array) -> Array:
    """Return BLEU, 0 to 100, of sums of `bleu_counts` of shape (resamples, 10).

    Runs of a length of which none matches count as half a match, then a quarter ... (exponential
    smoothing, as sacrebleu does by default).
    """
    right, there = counts[:, :WORD_ORDER], counts[:, WORD_ORDER : 2 * WORD_ORDER]
    own, wanted = counts[:, -2], counts[:, -1]
    smoothed = np.where(right > 0, right, 0.5 ** np.cumsum(right == 0, axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.log(smoothed / there).mean(axis=1)
        short = np.minimum(0.0, 1 - wanted / own)
        found = 100 * np.exp(precision + short)
    known = (right.sum(axis=1) > 0) & (there > 0).all(axis=1)
    return np.where(known, found, 0.0)


def chrf_counts(said: str, true: str) -> list[int]:
    """Return runs of characters of both texts and those that match, by their length."""
    own, wanted = ("".join(text.split()) for text in (said, true))
    found = []
    for n in range(1, CHARACTER_ORDER + 1):
        there, asked, both = _matches(_runs(own, n), _runs(wanted, n))
        found += [there if asked else 0, asked, both]
    return found


def chrf(counts: Array) -> Array:
    """Return chrF, 0 to 100, of sums of `chrf_counts` of shape (resamples, 18)."""
    there, asked, both = (counts[:, start::3] for start in range(3))
    known = (there > 0) & (asked > 0)
    orders = np.maximum(known.sum(axis=1), 1)
    precision = (_ratio(both, there) * known).sum(axis=1) / orders
    recall = (_ratio(both, asked) * known).sum(axis=1) / orders
    return 100 * _ratio((1 + BETA**2) * precision * recall, BETA**2 * precision + recall)


def _runs(items: Sequence[str], length: int) -> Counter[Any]:
    """Count the runs of so many neighbours."""
    if isinstance(items, str):
        return Counter(items[i : i + length] for i in range(len(items) - length + 1))
    return Counter(zip(*(items[i:] for i in range(length)), strict=False))


def _matches(said: Counter[Any], true: Counter[Any]) -> tuple[int, int, int]:
    """Return how many runs each text has, and how many they have in common."""
    return said.total(), true.total(), (said & true).total()


def _ratio(above: Array, below: Array) -> Array:
    shape = np.broadcast_shapes(above.shape, below.shape)
    return np.divide(above, below, out=np.zeros(shape), where=below > 0)


def table_of(rows: Iterable[Sequence[float]], columns: int) -> Array:
    """Return what is known of each row as an array of shape (rows, columns)."""
    return np.array(list(rows), dtype=np.float64).reshape(-1, columns)
