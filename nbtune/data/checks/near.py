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
PAIRS_AT_ONCE, RUNS_AT_ONCE = 50_000, 8_000_000
_MULTIPLIERS, _SHIFTS = (
    np.random.default_rng(7).integers(1, 2**32, BANDS * ROWS, dtype=np.uint32) | odd
    for odd in (np.uint32(1), np.uint32(0))
)
_POWERS = np.array([pow(1_000_003, k, 2**32) for k in range(LETTERS)], dtype=np.uint32)
_BITS = 8 * LETTERS
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


def likenesses(texts: Sequence[str], pairs: Array) -> Array:
    """Return the likeness of pairs of texts, by their places; see `likeness`.

    Parameters
    ----------
    pairs : ndarray of int
        Of shape (pairs, 2).
    """
    runs = [_numbers_of_runs(_plain(text)) for text in texts]
    counts = np.array([len(own) for own in runs])
    found = np.empty(len(pairs))
    sizes = counts[pairs].sum(axis=1)
    # So many pairs at once that their runs have room.
    parts = np.cumsum(sizes) // RUNS_AT_ONCE
    for part in np.split(np.arange(len(pairs)), np.flatnonzero(np.diff(parts)) + 1):
        own = pairs[part]
        number = np.repeat(np.arange(len(part), dtype=np.uint64), sizes[part]) << np.uint64(_BITS)
        # No text has a run twice, so what is there twice in a pair is in both.
        every = np.sort(number | np.concatenate([runs[text] for text in own.ravel()]))
        twice = every[1:][every[1:] == every[:-1]] >> np.uint64(_BITS)
        both = np.bincount(twice.astype(np.int64), minlength=len(part))
        found[part] = both / np.maximum(sizes[part] - both, 1)
    return found


def _numbers_of_runs(text: bytes) -> Array:
    """Return each different run of letters as a number that no other run has."""
    letters = np.frombuffer(text.ljust(LETTERS, b"\0"), dtype=np.uint8).astype(np.uint64)
    last = len(letters) - LETTERS + 1
    numbers = np.zeros(last, dtype=np.uint64)
    for k in range(LETTERS):
        numbers |= letters[k : k + last] << np.uint64(8 * k)
    return np.unique(numbers)


def alike(
    keys: Array,
    texts_at: Callable[[Array], list[str]],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[tuple[int, int]], bool]:
    """Return pairs of texts that are almost the same, and whether all candidates were compared.

    Of many that are all alike each is paired with one or two others, not with all.

    Parameters
    ----------
    keys : ndarray
        As `band_keys` makes them, of shape (bands, texts).
    texts_at : callable
        Places to the texts there.
    """
    found = np.unique(np.concatenate([np.empty(0, np.int64), *_candidates(keys)]))
    pairs: list[tuple[int, int]] = []
    compared = found[:MOST_COMPARED]
    for start in range(0, len(compared), PAIRS_AT_ONCE):
        own = np.stack(np.divmod(compared[start : start + PAIRS_AT_ONCE], keys.shape[1]), axis=1)
        places, at = np.unique(own, return_inverse=True)
        likely = likenesses(texts_at(places), at.reshape(own.shape)) >= ALIKE
        pairs += [(int(one), int(other)) for one, other in own[likely]]
        progress(start + len(own), len(compared))
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
