"""Texts cut to a length around what must stay: the tokens nearest to it are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtune.data.batches import InMemory
from nbtune.data.encoding import CHARACTERS_PER_TOKEN, encode_texts
from nbtune.data.marks import Place
from nbtune.data.ragged import Ragged
from nbtune.errors import DataError

Array = np.ndarray[Any, Any]
SHOWN = 5


def encode_around(
    texts: Sequence[str],
    kept: Sequence[Sequence[Place]],
    targets: Any,
    tokenizer: Any,
    max_length: int,
    *,
    rows: Sequence[Any],
    with_spans: bool = False,
) -> InMemory:
    """Tokenise texts; of those that are too long the tokens nearest to what must stay are kept.

    Parameters
    ----------
    kept : sequence of (start, end)
        Characters of each text that must stay.
    rows : sequence
        What errors call the rows.

    Raises
    ------
    DataError
        When what must stay is itself too long, with all such rows.
    """
    found = encode_texts(texts, targets, tokenizer, max_length, with_spans=with_spans)
    cut = np.zeros(len(texts), dtype=bool) if found.cut is None else found.cut
    ids = [list(found.ids[row]) for row in range(len(texts))]
    spans = [found.spans.row(row) for row in range(len(texts))] if found.spans is not None else []
    too_long: list[tuple[Any, int]] = []
    for row in map(int, np.flatnonzero(cut)):
        own, where, needed = _around(texts[row], kept[row], tokenizer, max_length)
        if needed > max_length:
            too_long.append((rows[row], needed))
        ids[row] = own
        if spans:
            spans[row] = where
    if too_long:
        _refuse(too_long, max_length)
    places = Ragged.of(spans, np.int32) if with_spans else None
    return InMemory(ids, targets, spans=places, cut=cut)


def _around(
    text: str, kept: Sequence[Place], tokenizer: Any, max_length: int
) -> tuple[list[int], Array, int]:
    """Return ids, where they stand in the text, and how many tokens what must stay needs."""
    reach = CHARACTERS_PER_TOKEN * max_length
    start = max(0, min(place[0] for place in kept) - reach)
    tokens = tokenizer(
        text[start : max(place[1] for place in kept) + reach],
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        verbose=False,
    )
    where = np.array(tokens["offset_mapping"]).reshape(-1, 2)
    special = np.array(tokens["special_tokens_mask"], dtype=bool)
    where = np.where(special[:, None], 0, where + start)
    must = special.copy()
    for first, last in kept:
        must |= (where[:, 0] < last) & (where[:, 1] > first) & ~special
    inside = np.flatnonzero(must & ~special)
    own = np.arange(len(must))
    nearest = np.abs(own[:, None] - inside[None]).min(axis=1)
    nearest[special] = -1
    chosen = np.sort(np.argsort(nearest, kind="stable")[:max_length])
    ids = np.array(tokens["input_ids"])[chosen]
    return ids.tolist(), where[chosen], int(must.sum())


def _refuse(too_long: Sequence[tuple[Any, int]], max_length: int) -> None:
    named = ", ".join(str(row) for row, _ in too_long[:SHOWN])
    more = ", ..." if len(too_long) > SHOWN else ""
    longest = max(needed for _, needed in too_long)
    raise DataError(
        f"max_length: {max_length} tokens do not hold the marked spans of {len(too_long)} "
        f"row{'s' * (len(too_long) > 1)} ({named}{more}), which would be cut",
        hint=f"max_length: {longest}, or leave these rows out",
    )
