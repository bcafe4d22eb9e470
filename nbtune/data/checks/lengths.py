"""How long texts are in tokens, and what each ``max_length`` would cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbtune.records import Lengths, Truncation

Array = np.ndarray[Any, Any]
LOOKED_AT = 50_000
AT_ONCE = 1_000
LIMITS = (8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096, 8192)
_CHARACTERS = 40_000
_BINS = 30


def count_tokens(
    texts: Sequence[str],
    tokenizer: Any,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Array, float]:
    """Return the tokens of each text, and the share of tokens the tokenizer has no word for."""
    unknown_id = tokenizer.unk_token_id
    lengths: list[int] = []
    unknown = 0
    for start in range(0, len(texts), AT_ONCE):
        part = [text[:_CHARACTERS] for text in texts[start : start + AT_ONCE]]
        rows = tokenizer(part, verbose=False)["input_ids"]
        lengths += map(len, rows)
        if unknown_id is not None:
            unknown += sum(row.count(unknown_id) for row in rows)
        progress(min(start + AT_ONCE, len(texts)), len(texts))
    return np.array(lengths), unknown / max(1, sum(lengths))


def describe_lengths(
    model: str, lengths: Array, unknown: float, width: int, max_length: int
) -> Lengths:
    """Return quantiles, a histogram, and the cost of each limit up to the longest text.

    Parameters
    ----------
    lengths : ndarray of int
        Tokens of each text, of shape (rows,), at least one.
    width : int
        Hidden size of the model, by which attention weighs against all else.
    max_length : int
        The limit of the recipe, which is among those told where it cuts anything.
    """
    longest = int(lengths.max())
    limits = [*sorted(limit for limit in {*LIMITS, max_length} if limit < longest), longest]
    edges = np.unique(np.linspace(0, longest + 1, min(_BINS, longest + 1) + 1).round())
    counts, _ = np.histogram(lengths, edges)
    return Lengths(
        model=model,
        looked_at=len(lengths),
        median=float(np.median(lengths)),
        p95=float(np.percentile(lengths, 95)),
        longest=longest,
        unknown=unknown,
        edges=tuple(map(float, edges)),
        counts=tuple(map(int, counts)),
        truncation=tuple(truncate(lengths, limit, width) for limit in limits),
    )


def truncate(lengths: Array, limit: int, width: int) -> Truncation:
    """Say what cutting at ``limit`` tokens costs and saves.

    A layer multiplies 12 width^2 numbers a token, and 2 width a pair of tokens of one row
    (Kaplan et al. 2020, table 1), so a row costs in proportion to L (1 + L / 6 width).
    """
    cut = np.minimum(lengths, limit)
    work = [(own * (1 + own / (6 * width))).sum() for own in (cut, lengths)]
    return Truncation(
        limit,
        float(np.mean(lengths > limit)),
        float(1 - cut.sum() / lengths.sum()),
        float(work[0] / work[1]),
    )


def limit_for(lengths: Lengths, most: float = 0.01) -> int:
    """Return the smallest limit that cuts at most this share of rows."""
    return next(one.max_length for one in lengths.truncation if one.rows <= most)
