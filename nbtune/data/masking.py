"""Words hidden in tokenised rows: others in every epoch, and always the same for one row of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from nbtune.data.batches import Encoded
from nbtune.data.ragged import IGNORED, Ragged

Array = np.ndarray[Any, Any]
HIDDEN, REPLACED = 0.8, 0.9
"""Below the first share a word is hidden, below the second another stands in its place, and above
it stays as it is (Devlin et al. 2018, 3.1)."""


@dataclass(frozen=True)
class Masking:
    """How words are hidden.

    Attributes
    ----------
    mask_id : int
        The token that stands for a hidden one.
    others : ndarray of int
        Tokens that may stand in the place of a hidden one.
    share : float
        Of the tokens of a row; at least one is hidden.
    words : WordParts, optional
        Which tokens make up a word, where words are hidden whole.
    """

    mask_id: int
    others: Array
    share: float
    seed: int
    words: WordParts | None = None


@dataclass(frozen=True)
class Masked:
    """Examples with words hidden; their targets, one a token, are what may be hidden.

    In training (``epoch`` from 0 on) they are those of BERT. Where rows are judged (None) every
    hidden token is replaced by the mask, which is what somebody who asks writes.
    """

    examples: Any
    masking: Masking
    epoch: int | None = None

    def in_epoch(self, epoch: int) -> Masked:
        """Return the same rows as an epoch sees them."""
        return replace(self, epoch=epoch)

    @property
    def lengths(self) -> Array:
        """Tokens of each row."""
        return np.asarray(self.examples.lengths)

    @property
    def types(self) -> Ragged | None:
        """Token types of each row."""
        return self.examples.types  # type: ignore[no-any-return]

    @property
    def spans(self) -> Ragged | None:
        """Where in its text each token stands."""
        return self.examples.spans  # type: ignore[no-any-return]

    @property
    def rows(self) -> Array | None:
        """The row that each example is part of."""
        return self.examples.rows  # type: ignore[no-any-return]

    @property
    def cut(self) -> Array | None:
        """Examples that were longer than could be taken."""
        return self.examples.cut  # type: ignore[no-any-return]

    @cached_property
    def targets(self) -> Ragged:
        """The hidden tokens, -100 everywhere else."""
        return _Hidden(self.examples.targets.flat, self.examples.targets.offsets, self)

    def __len__(self) -> int:
        return len(self.examples.targets)

    def take(self, indices: Any) -> list[Array]:
        """Return the ids of these rows, some of them hidden."""
        shown = [np.array(own, dtype=np.int64) for own in self.examples.take(indices)]
        for ids, row in zip(shown, indices, strict=True):
            places, rng = self.hidden(int(row))
            ids[places] = self._stand_ins(ids[places], rng)
        return shown

    def hidden(self, row: int) -> tuple[Array, np.random.Generator]:
        """Return which tokens of a row are hidden, in order, and the numbers drawn after that."""
        epoch = 0 if self.epoch is None else self.epoch + 1
        rng = np.random.default_rng([self.masking.seed, epoch, row])
        tokens = self.examples.targets.row(row)
        places = np.flatnonzero(tokens != IGNORED)
        wanted = max(1, round(self.masking.share * len(places)))
        words = self.masking.words
        if words is None:
            return np.sort(rng.permutation(places)[:wanted]), rng
        return _whole_words(places, words.groups(tokens, places), wanted, rng), rng

    def _stand_ins(self, ids: Array, rng: np.random.Generator) -> Array:
        if self.epoch is None:
            return np.full_like(ids, self.masking.mask_id)
        chance = rng.random(len(ids))
        others = rng.choice(self.masking.others, size=len(ids))
        shown = np.where(chance < HIDDEN, self.masking.mask_id, ids)
        return np.where((chance >= HIDDEN) & (chance < REPLACED), others, shown)


@dataclass(frozen=True)
class _Hidden(Ragged):
    masked: Masked

    def row(self, row: int) -> Array:
        own = super().row(row)
        places, _ = self.masked.hidden(row)
        found = np.full_like(own, IGNORED)
        found[places] = own[places]
        return found


def _whole_words(places: Array, groups: Array, wanted: int, rng: np.random.Generator) -> Array:
    """Hide words until ``wanted`` tokens are; one that is too long for what is left stays."""
    if not len(places):
        return places
    chosen: list[int] = []
    left = wanted
    sizes = np.bincount(groups)
    for word in rng.permutation(len(sizes)):
        if sizes[word] <= left or not chosen:
            chosen.append(int(word))
            left -= int(sizes[word])
        if left <= 0:
            break
    return places[np.isin(groups, chosen)]


@dataclass(frozen=True)
class WordParts:
    """Which tokens of a vocabulary go on with a word that another one began.

    Attributes
    ----------
    goes_on, is_open : ndarray of bool
        Of shape (vocabulary,): whether a token can be the middle of a word, and whether the word
        may go on after it.
    """

    goes_on: Array
    is_open: Array

    @classmethod
    def of(cls, tokens: Sequence[str]) -> WordParts:
        """Tell it from the spelling: ``##ing`` of WordPiece, or no space before it (Ġ, ▁).

        Examples
        --------
        >>> WordParts.of(["fur", "##ry", "."]).goes_on.tolist()
        [False, True, False]
        >>> WordParts.of(["Ġfur", "ry", ".", "Ġ("]).goes_on.tolist()
        [False, True, False, False]
        """
        if any(token.startswith("##") for token in tokens):
            return cls(
                np.array([token.startswith("##") for token in tokens]),
                np.ones(len(tokens), dtype=bool),
            )
        # Letters that are not ASCII are several bytes, which byte-level tokens spell as others.
        letters = [[_is_letter(one) for one in (token[:1], token[-1:])] for token in tokens]
        first, last = np.array(letters, dtype=bool).T
        return cls(first, last)

    def groups(self, tokens: Array, places: Array) -> Array:
        """Return the number of the word, from 0, that each of these places is part of."""
        own = tokens[places]
        goes_on = self.goes_on[own]
        goes_on[1:] &= self.is_open[own[:-1]] & (np.diff(places) == 1)
        goes_on[:1] = False
        return np.asarray(np.cumsum(~goes_on) - 1)


def _is_letter(sign: str) -> bool:
    return sign not in ("Ġ", "▁", "Ċ") and (sign.isalnum() or sign > "\x7f")


def in_epoch(examples: Encoded, epoch: int) -> Encoded:
    """Return examples as an epoch sees them; most are the same in all."""
    return examples.in_epoch(epoch) if isinstance(examples, Masked) else examples
