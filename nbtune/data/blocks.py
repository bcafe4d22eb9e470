"""Texts as pieces of tokens that a language model reads: each by itself, or one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from nbtune.data.batches import InMemory
from nbtune.data.ragged import IGNORED, Ragged
from nbtune.errors import DataError, ModelError, RecipeError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Ends:
    """Tokens that stand before and after what is read at once."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.before) + len(self.after)


@dataclass(frozen=True)
class Pieces:
    """How texts are cut.

    Attributes
    ----------
    max_length : int
        Longest piece in tokens, ``ends`` included.
    ends : Ends
        Of every piece.
    between : tuple of int
        Tokens that end each text.
    shared : int
        Tokens that a piece has in common with the one before it.
    first : tuple of int
        Tokens that stand before the first piece, of each text or of all.
    is_joined : bool
        Whether a piece goes on with the next text where one ends.
    """

    max_length: int
    ends: Ends = Ends()
    between: tuple[int, ...] = ()
    shared: int = 0
    first: tuple[int, ...] = ()
    is_joined: bool = False


def cut_texts(
    texts: Sequence[str], tokenizer: Any, pieces: Pieces, *, with_spans: bool = True
) -> InMemory:
    """Tokenise texts and cut them; the last piece, of a text or of all, may be short.

    Parameters
    ----------
    with_spans : bool
        Whether it is to be known where in its text each token stands. Of texts that are only learnt
        from nobody asks, and on disk it takes more than all else.

    Returns
    -------
    InMemory
        Targets are the ids themselves, -100 for those of ``ends``; ``spans`` tell where in its
        text each token stands, ``rows`` in which text a piece begins.

    Raises
    ------
    DataError
        When a text has no token.
    ModelError
        When the tokenizer cannot tell where tokens stand.
    RecipeError
        When there is no room for a token.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} cannot tell where in a text a token stands",
            hint="take a model with a tokenizer.json",
        )
    room = pieces.max_length - pieces.ends.count
    if room <= pieces.shared:
        raise RecipeError(
            f"max_length: {pieces.max_length} tokens have no room for words",
            hint="take 16 or more; 128 is usual",
        )
    if not len(texts):
        nothing = Ragged.of([], np.int32)
        return InMemory([], nothing, spans=nothing, rows=np.empty(0, dtype=np.int64))
    found = _streams(texts, tokenizer, pieces, with_spans)
    places = [
        (start + at, min(start + at + room, stop))
        for start, stop in zip(found.offsets[:-1].tolist(), found.offsets[1:].tolist(), strict=True)
        for at in range(0, max(1, stop - start - pieces.shared), room - pieces.shared)
    ]
    return _with_ends(found, places, pieces.ends)


@dataclass(frozen=True)
class _Streams:
    """Tokens of texts in one line: their ids, their texts, where they stand in these.

    ``offsets`` say where each stream begins, and where the last one ends: one a text, or one of
    all.
    """

    ids: Array
    rows: Array
    spans: Array | None
    offsets: Array


def _streams(texts: Sequence[str], tokenizer: Any, pieces: Pieces, with_spans: bool) -> _Streams:
    tokens = tokenizer(
        list(texts),
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        return_offsets_mapping=with_spans,
        verbose=False,
    )
    every = tokens["input_ids"]
    if (empty := next((i for i, own in enumerate(every) if not own), None)) is not None:
        raise DataError(
            f"the tokenizer finds no token in the text {texts[empty][:40]!r}",
            hint="leave such rows out, or use a tokenizer that knows their characters",
        )
    # Each text begins a stream, or the first one alone does.
    firsts = [pieces.first if not (row and pieces.is_joined) else () for row in range(len(every))]
    own = [[*first, *ids, *pieces.between] for first, ids in zip(firsts, every, strict=True)]
    lengths = [len(one) for one in own]
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    spans = None
    if with_spans:
        spans = np.zeros((int(ends[-1]), 2), dtype=np.int32)
        for start, first, places in zip(ends, firsts, tokens["offset_mapping"], strict=False):
            spans[start + len(first) : start + len(first) + len(places)] = places
    return _Streams(
        np.fromiter(chain.from_iterable(own), np.int32, int(ends[-1])),
        np.repeat(np.arange(len(texts)), lengths),
        spans,
        ends[[0, -1]] if pieces.is_joined else ends,
    )


def _with_ends(found: _Streams, places: Sequence[tuple[int, int]], ends: Ends) -> InMemory:
    before, after = (np.array(own, dtype=np.int32) for own in (ends.before, ends.after))
    nothing = [np.full(len(own), IGNORED, dtype=np.int32) for own in (before, after)]
    nowhere = [np.zeros((len(own), 2), dtype=np.int32) for own in (before, after)]
    cut = [found.ids[start:stop] for start, stop in places]
    spans = None
    if found.spans is not None:
        spans = Ragged.of(
            [
                np.concatenate([nowhere[0], found.spans[start:stop], nowhere[1]])
                for start, stop in places
            ],
            np.int32,
        )
    return InMemory(
        [np.concatenate([before, own, after]).tolist() for own in cut],
        Ragged.of([np.concatenate([nothing[0], own, nothing[1]]) for own in cut], np.int32),
        spans=spans,
        rows=np.array([found.rows[start] for start, _ in places], dtype=np.int64),
    )


def ends_of(tokenizer: Any) -> Ends:
    """Return what a tokenizer puts around a text, such as [CLS] and [SEP]."""
    given = tokenizer("a", return_special_tokens_mask=True)
    ids, special = given["input_ids"], given["special_tokens_mask"]
    first = next((i for i, is_special in enumerate(special) if not is_special), len(ids))
    last = len(ids) - next((i for i, one in enumerate(reversed(special)) if not one), 0)
    return Ends(tuple(ids[:first]), tuple(ids[last:]))
