"""How long texts are in tokens, and what each ``max_length`` would cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtune.records import Lengths, Truncation

Array = np.ndarray[Any, Any]
LOOKED_AT = 50_000
AT_ONCE = 1_000
LIMITS = (8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096, 8192)
_CHARACTERS = 40_000
_BINS = 30


@dataclass(frozen=True)
class Reader:
    """What reads texts: a model by its name, its tokenizer, its hidden size, and its places.

    It takes no longer rows than it has ``places``; None for rows of any length. Its ``width`` is
    None where texts are a part of what it computes on only.
    """

    model: str
    tokenizer: Any
    width: int | None
    places: int | None = None


def count_tokens(
    texts: Sequence[Sequence[str]],
    tokenizer: Any,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Array, Array]:
    """Return the tokens of each text, or pair, and for how many the tokenizer has no word.

    Of a very long text they are reckoned from its beginning.
    """
    unknown_id = tokenizer.unk_token_id
    lengths: list[int] = []
    unknown: list[int] = []
    for start in range(0, len(texts), AT_ONCE):
        part = texts[start : start + AT_ONCE]
        columns = [[text[:_CHARACTERS] for text in own] for own in zip(*part, strict=True)]
        rows = tokenizer(*columns, verbose=False)["input_ids"]
        whole = [sum(map(len, own)) for own in part]
        begun = [sum(map(len, own)) for own in zip(*columns, strict=True)]
        lengths += [
            len(row) if count == read else round(len(row) * count / read)
            for row, count, read in zip(rows, whole, begun, strict=True)
        ]
        unknown += [0 if unknown_id is None else row.count(unknown_id) for row in rows]
        progress(min(start + AT_ONCE, len(texts)), len(texts))
    return np.array(lengths, dtype=int), np.array(unknown, dtype=int)


def describe_lengths(
    reader: Reader,
    lengths: Array,
    unknown: Array,
    max_length: int,
    written: Array | None = None,
    *,
    is_cut: bool = True,
) -> Lengths:
    """Return quantiles, a histogram, and the cost of each limit up to the longest text.

    Parameters
    ----------
    lengths, unknown : ndarray of int
        Tokens of each text, of shape (rows,), at least one, and those that are not known.
    max_length : int
        The limit of the recipe, which is among those told where it cuts anything.
    written : ndarray of int, optional
        How many of the tokens of each text are its end, which is to be learnt.
    is_cut : bool
        Whether a limit costs anything; else what is longer is read in parts.
    """
    longest = int(lengths.max())
    end = longest if reader.places is None else min(longest, reader.places)
    limits = [*sorted(limit for limit in {*LIMITS, max_length} if limit < end), end]
    edges = np.unique(np.linspace(0, longest + 1, min(_BINS, longest + 1) + 1).round())
    counts, _ = np.histogram(lengths, edges)
    return Lengths(
        model=reader.model,
        looked_at=len(lengths),
        median=float(np.median(lengths)),
        p95=float(np.percentile(lengths, 95)),
        longest=longest,
        unknown=float(unknown.sum() / max(1, lengths.sum())),
        edges=tuple(map(float, edges)),
        counts=tuple(map(int, counts)),
        truncation=tuple(
            truncate(lengths, limit, reader.width, written) for limit in limits if is_cut
        ),
        mean=float(lengths.mean()),
        limit=max_length,
        longer=float((lengths > max_length).mean()),
    )


def truncate(
    lengths: Array, limit: int, width: int | None, written: Array | None = None
) -> Truncation:
    """Say what cutting at ``limit`` tokens costs and saves.

    A layer multiplies 12 width^2 numbers a token, and 2 width a pair of tokens of one row
    (Kaplan et al. 2020, table 1), so a row costs in proportion to L (1 + L / 6 width).
    """
    cut = np.minimum(lengths, limit)
    left = lost = None
    if width is not None:
        work = [(own * (1 + own / (6 * width))).sum() for own in (cut, lengths)]
        left = float(work[0] / work[1])
    if written is not None:
        lost = float(lost_of(lengths, written, limit).sum() / max(1, written.sum()))
    return Truncation(
        limit,
        float(np.mean(lengths > limit)),
        float(1 - cut.sum() / lengths.sum()),
        left,
        lost,
    )


def lost_of(lengths: Array, written: Array, limit: int) -> Array:
    """Return how many of the tokens to be learnt each row loses.

    What is asked keeps half of the room where an answer would fill all of it; see
    `nbtune.data.dialogue`.
    """
    asked = lengths - written
    kept = np.minimum(asked, np.maximum(limit // 2, limit - written))
    lost: Array = np.maximum(0, written - (limit - kept))
    return np.where(lengths > limit, lost, 0)


def limit_for(lengths: Lengths, most: float = 0.01) -> int:
    """Return the smallest limit that cuts at most this share of rows, or the largest there is."""
    fit = (one.max_length for one in lengths.truncation if one.rows <= most)
    return next(fit, lengths.truncation[-1].max_length)
