"""Texts as pieces of tokens that a language model reads: each by itself, or one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


def cut_texts(texts: Sequence[str], tokenizer: Any, pieces: Pieces) -> InMemory:
    """Tokenise texts and cut them; the last piece, of a text or of all, may be short.

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
    streams = _streams(texts, tokenizer, pieces)
    cut = [
        (ids[at : at + room], spans[at : at + room], int(rows[at]))
        for ids, spans, rows in streams
        for at in range(0, max(1, len(ids) - pieces.shared), room - pieces.shared)
    ]
    return _with_ends(cut, pieces.ends)


def _streams(
    texts: Sequence[str], tokenizer: Any, pieces: Pieces
) -> list[tuple[Array, Array, Array]]:
    """Return ids, places in the text and numbers of texts: of each text, or of all as one."""
    if not len(texts):
        return []
    tokens = tokenizer(
        list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    found = []
    for row, (own, places) in enumerate(
        zip(tokens["input_ids"], tokens["offset_mapping"], strict=True)
    ):
        if not own:
            raise DataError(
                f"the tokenizer finds no token in the text {texts[row][:40]!r}",
                hint="leave such rows out, or use a tokenizer that knows their characters",
            )
        ids = np.array([*own, *pieces.between], dtype=np.int32)
        spans = np.zeros((len(ids), 2), dtype=np.int32)
        spans[: len(places)] = places
        found.append((ids, spans, np.full(len(ids), row)))
    if pieces.is_joined:
        ids, spans, rows = (np.concatenate(parts) for parts in zip(*found, strict=True))
        found = [(ids, spans, rows)]
    first = np.array(pieces.first, dtype=np.int32)
    nowhere = np.zeros((len(first), 2), dtype=np.int32)
    return [
        (
            np.concatenate([first, ids]),
            np.concatenate([nowhere, spans]),
            np.concatenate([np.full(len(first), rows[0]), rows]),
        )
        for ids, spans, rows in found
    ]


def _with_ends(cut: Sequence[tuple[Array, Array, int]], ends: Ends) -> InMemory:
    before, after = (np.array(own, dtype=np.int32) for own in (ends.before, ends.after))
    nothing = [np.full(len(own), IGNORED, dtype=np.int32) for own in (before, after)]
    nowhere = [np.zeros((len(own), 2), dtype=np.int32) for own in (before, after)]
    ids = [np.concatenate([before, own, after]).tolist() for own, _, _ in cut]
    targets = [np.concatenate([nothing[0], own, nothing[1]]) for own, _, _ in cut]
    spans = [np.concatenate([nowhere[0], own, nowhere[1]]) for _, own, _ in cut]
    return InMemory(
        ids,
        Ragged.of(targets, np.int32),
        spans=Ragged.of(spans, np.int32),
        rows=np.array([row for _, _, row in cut], dtype=np.int64),
    )


def ends_of(tokenizer: Any) -> Ends:
    """Return what a tokenizer puts around a text, such as [CLS] and [SEP]."""
    given = tokenizer("a", return_special_tokens_mask=True)
    ids, special = given["input_ids"], given["special_tokens_mask"]
    first = next((i for i, is_special in enumerate(special) if not is_special), len(ids))
    last = len(ids) - next((i for i, one in enumerate(reversed(special)) if not one), 0)
    return Ends(tuple(ids[:first]), tuple(ids[last:]))
