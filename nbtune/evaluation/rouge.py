"""ROUGE: how much of a text another one says in the same words (Lin 2004)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters, without punctuation.

    The package rouge-score drops all letters but a to z, and so scores most languages by their
    numbers; here a letter is what Unicode calls one. In English both find the same words.

    Examples
    --------
    >>> words_of("It's the Straße, no. 5.")
    ['it', 's', 'the', 'straße', 'no', '5']
    """
    return _WORD.findall(text.lower())


def rouge_n(target: str, written: str, n: int = 1) -> float:
    """Return the F1 of the runs of ``n`` words that two texts share; each counts as often as both.

    Examples
    --------
    >>> rouge_n("the cat sat", "the cat ran")
    0.6666666666666666
    """
    wanted, own = (_runs(words_of(text), n) for text in (target, written))
    return _f1(sum((wanted & own).values()), sum(wanted.values()), sum(own.values()))


def rouge_l(target: str, written: str) -> float:
    """Return the F1 of the longest words that two texts have in the same order, gaps allowed.

    Examples
    --------
    >>> rouge_l("the cat sat", "the black cat")
    0.6666666666666666
    """
    wanted, own = words_of(target), words_of(written)
    return _f1(_longest_common(wanted, own), len(wanted), len(own))


def _runs(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, a row of the table at a time."""
    ids = {word: i for i, word in enumerate(dict.fromkeys([*one, *other]))}
    across = np.array([ids[word] for word in other], dtype=np.int64)
    best = np.zeros(len(other) + 1, dtype=np.int64)
    for word in one:
        # A cell is the best of those above and to its left; a match is one more than diagonally.
        step = np.maximum(best[1:], best[:-1] + (across == ids[word]))
        best = np.maximum.accumulate(np.concatenate([[0], step]))
    return int(best[-1])


def _f1(shared: int, wanted: int, own: int) -> float:
    return 2 * shared / (wanted + own) if shared else 0.0
