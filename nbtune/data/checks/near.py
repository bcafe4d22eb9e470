"""Texts that are almost the same, found without comparing all with all.

MinHash over runs of five letters, in bands (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, chapter 3). What the bands suggest is compared letter by letter, so that no pair
is told that is not alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
ALIKE = 0.8
"""Share of runs of letters that two texts have in common (Jaccard) to be almost the same."""
LETTERS = 5
BANDS, ROWS = 12, 5
"""A pair that is just alike enough shares a band with a chance of 0.99, one half alike of 0.3."""
SHORTEST = 20
"""Bytes; below it a single word makes the difference, and everything would be alike."""
MOST_COMPARED = 300_000
_MULTIPLIERS, _SHIFTS = (
    np.random.default_rng(7).integers(1, 2**32, BANDS * ROWS, dtype=np.uint32) | odd
    for odd in (np.uint32(1), np.uint32(0))
)
_POWERS = np.array([pow(1_000_003, k, 2**32) for k in range(LETTERS)], dtype=np.uint32)
_NO_WORDS = re.compile(r"\W+")


def band_keys(texts: Sequence[str]) -> Array:
    """Return keys of shape (bands, texts): texts that share one are perhaps alike.

    Texts that are too short have the key 0 everywhere.
    """
    plain = [_plain(text) for text in texts]
    long = [i for i, text in enumerate(plain) if len(text) >= SHORTEST]
    keys = np.zeros((BANDS, len(texts)), dtype=np.uint32)
    if not long:
        return keys
    runs, starts = _runs([plain[i] for i in long])
    for band in range(BANDS):
        key = np.full(len(long), band + 1, dtype=np.uint32)
        for one in range(band * ROWS, (band + 1) * ROWS):
            least = np.minimum.reduceat(runs * _MULTIPLIERS[one] + _SHIFTS[one], starts)
            key = (key ^ least) * np.uint32(0x9E3779B1)
            key ^= key >> np.uint32(15)
        keys[band, long] = np.maximum(key, 1)
    return keys


def _plain(text: str) -> bytes:
    """Leave out case, signs and the kind of white space."""
    return _NO_WORDS.sub(" ", text.casefold()).strip().encode("utf-8", "ignore")


def _runs(texts: Sequence[bytes]) -> tuple[Array, Array]:
    """Return a number for each run of letters of all texts, and where each text begins."""
    letters = np.frombuffer(b"".join(texts), dtype=np.uint8).astype(np.uint32)
    ends = np.array(list(accumulate(map(len, texts))))
    last = len(letters) - LETTERS + 1
    numbers = np.zeros(last, dtype=np.uint32)
    for k in range(LETTERS):
        numbers += letters[k : k + last] * _POWERS[k]
    numbers ^= numbers >> np.uint32(16)
    whole = np.ones(last, dtype=bool)
    for k in range(1, LETTERS):  # a run that reaches into the next text is none
        whole[ends[:-1] - k] = False
    counts = np.diff(np.concatenate([[0], ends])) - LETTERS + 1
    return numbers[whole], np.concatenate([[0], np.cumsum(counts)[:-1]])


def likeness(one: str, other: str) -> float:
    """Return the share of runs of letters that two texts have in common, 0 to 1.

    Examples
    --------
    >>> likeness("a small furry mammal", "A small, furry mammal!")
    1.0
    """
    first, second = (_set_of_runs(_plain(text)) for text in (one, other))
    both = len(first | second)
    return len(first & second) / both if both else 1.0


def _set_of_runs(text: bytes) -> set[bytes]:
    return {text[i : i + LETTERS] for i in range(max(1, len(text) - LETTERS + 1))}


def alike(
    keys: Array,
    text_of: Callable[[int], str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[tuple[int, int]], bool]:
    """Return pairs of texts that are almost the same, and whether all candidates were compared.

    Of many that are all alike each is paired with one or two others, not with all.

    Parameters
    ----------
    keys : ndarray
        As `band_keys` makes them, of shape (bands, texts).
    text_of : callable
        The text at a place.
    """
    found = np.unique(np.concatenate([np.empty(0, np.int64), *_candidates(keys)]))
    texts = keys.shape[1]
    pairs = []
    for done, number in enumerate(found[:MOST_COMPARED]):
        first, second = divmod(int(number), texts)
        if likeness(text_of(first), text_of(second)) >= ALIKE:
            pairs.append((first, second))
        if done % 1_000 == 0:
            progress(done, len(found))
    return pairs, len(found) <= MOST_COMPARED


def _candidates(keys: Array) -> Iterator[Array]:
    """Yield pairs that share a key, as first x texts + second: each with the one before it."""
    texts = keys.shape[1]
    for band in keys:
        order = np.argsort(band, kind="stable")
        ranked = band[order]
        same = np.flatnonzero((ranked[1:] == ranked[:-1]) & (ranked[1:] > 0))
        first, second = order[same], order[same + 1]
        yield np.minimum(first, second) * texts + np.maximum(first, second)
        begins = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        heads = order[begins[np.searchsorted(begins, same, side="right") - 1]]
        other = heads != first  # and with the first one of all that share it
        low, high = np.minimum(heads, second)[other], np.maximum(heads, second)[other]
        yield low * texts + high
