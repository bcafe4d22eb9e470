"""Chats as tokens: what is learnt of them, and what is cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtune.data.batches import InMemory
from nbtune.data.ragged import IGNORED, Ragged
from nbtune.data.templates import ends_of_answers, pieces_of
from nbtune.data.turns import Turn
from nbtune.errors import ModelError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Tokens:
    """The tokens of a chat.

    Attributes
    ----------
    ids : list of int
    places : list of tuple of int
        Where each one stands in ``text``.
    learnt : ndarray of bool
        Those that are parts of answers, the token that ends one included.
    first, stop : int
        Tokens before the first and from the last one on do not fit into a row.
    """

    text: str
    ids: list[int]
    places: list[tuple[int, int]]
    learnt: Array
    first: int
    stop: int

    @property
    def lost(self) -> int:
        """How many tokens that should be learnt do not fit."""
        return int(self.learnt.sum() - self.learnt[self.first : self.stop].sum())

    @property
    def pieces(self) -> list[tuple[str, str]]:
        """The text in pieces that are a ``target``, ``context`` or ``cut``, each of some tokens."""
        found: list[tuple[str, str]] = []
        at = 0
        for place, (_, end) in enumerate(self.places):
            kind = "target" if self.learnt[place] else "context"
            kind = kind if self.first <= place < self.stop else "cut"
            text, at = self.text[at:end], max(at, end)
            if found and found[-1][0] == kind:
                text = found.pop()[1] + text
            found.append((kind, text))
        return found


def tokens_of(
    chats: Sequence[Sequence[Turn]],
    tokenizer: Any,
    max_length: int,
    *,
    answers_only: bool = True,
) -> list[Tokens]:
    """Tokenise chats as their template writes them.

    Of a chat that is too long the beginning and the end of its last answer are cut: what comes
    before that answer keeps half of the room, where it needs so much.

    Parameters
    ----------
    answers_only : bool
        Learn what the model has to say; else all but the first token.

    Raises
    ------
    ModelError
        When the tokenizer cannot tell where tokens stand.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} cannot tell where in a text a token stands",
            hint="take a model with a tokenizer.json",
        )
    ends = ends_of_answers(tokenizer)
    written = [pieces_of(chat, tokenizer, ends) for chat in chats]
    texts = ["".join(piece.text for piece in pieces) for pieces in written]
    if not texts:
        return []
    encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    found = []
    for text, pieces, ids, places in zip(
        texts, written, encoded["input_ids"], encoded["offset_mapping"], strict=True
    ):
        sizes = np.cumsum([0, *(len(piece.text) for piece in pieces)])
        answers = [
            (int(start), int(start) + len(piece.text))
            for start, piece in zip(sizes, pieces, strict=False)
            if piece.is_answer
        ]
        where = np.array(places, dtype=np.int64).reshape(-1, 2)
        said = np.zeros(len(ids), dtype=bool)
        for start, end in answers:
            said |= (where[:, 1] > start) & (where[:, 0] < end)
        last = int(np.flatnonzero(where[:, 1] > answers[-1][0])[0]) if answers else len(ids)
        first, stop = _room(last, len(ids), max_length)
        learnt = said if answers_only else np.arange(len(ids)) > 0
        found.append(Tokens(text, ids, places, learnt, first, stop))
    return found


def _room(before: int, count: int, max_length: int) -> tuple[int, int]:
    """Return the first token that is kept, and the one from which on none is.

    Examples
    --------
    >>> _room(6, 10, 16), _room(6, 10, 8), _room(20, 22, 8), _room(2, 40, 8)
    ((0, 10), (2, 10), (14, 22), (0, 8))
    """
    if count <= max_length:
        return 0, count
    asked = min(before, max(max_length // 2, max_length - (count - before)))
    return before - asked, min(count, before + max_length - asked)


def encode_chats(
    chats: Sequence[Sequence[Turn]],
    tokenizer: Any,
    max_length: int,
    *,
    answers_only: bool = True,
) -> InMemory:
    """Return chats as examples; a target is the token that comes next, where it is learnt."""
    found = tokens_of(chats, tokenizer, max_length, answers_only=answers_only)
    ids = [one.ids[one.first : one.stop] for one in found]
    targets = [
        [
            token if is_learnt else IGNORED
            for token, is_learnt in zip(own[1:], one.learnt[one.first + 1 : one.stop], strict=True)
        ]
        + [IGNORED]
        for own, one in zip(ids, found, strict=True)
    ]
    return InMemory(
        ids,
        Ragged.of(targets, np.int32),
        rows=np.arange(len(ids)),
        cut=np.array([one.stop - one.first < len(one.ids) for one in found], dtype=bool),
        targets_cut=np.array([one.lost for one in found], dtype=np.int32),
    )


def prompt_ids(chat: Sequence[Turn], tokenizer: Any, room: int) -> list[int]:
    """Return the tokens of a chat that waits for an answer; of a long one the end counts."""
    text = "".join(piece.text for piece in pieces_of(chat, tokenizer, ends_of_answers(tokenizer)))
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return list(ids[-room:])
