"""What a model writes or fills in, as examples of which each word can be explained by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from nbtune.data.batches import InMemory
from nbtune.data.dialogue import tokens_of
from nbtune.data.preferences import with_answer
from nbtune.data.ragged import IGNORED, Ragged
from nbtune.data.words import Place, word_of_each, words_in
from nbtune.errors import RunError
from nbtune.tasks import Aim, Sayings
from nbtune.tasks.aims import ABOVE, above_the_rest

MOST_WORDS = 8
"""So many words of what is written are explained: each takes some dozen passes."""
NOWHERE = (0, 0)


@dataclass
class _Collected:
    """Examples and aims as they come."""

    rows: int
    texts: list[tuple[str, ...]] = field(default_factory=list)
    ids: list[list[int]] = field(default_factory=list)
    targets: list[list[int]] = field(default_factory=list)
    places: list[list[Place]] = field(default_factory=list)
    of_row: list[int] = field(default_factory=list)
    aims: list[list[Aim]] = field(init=False)

    def __post_init__(self) -> None:
        self.aims = [[] for _ in range(self.rows)]

    def add(
        self,
        row: int,
        texts: tuple[str, ...],
        ids: list[int],
        places: list[Place],
        targets: list[int],
        word: str,
        said: Sequence[int],
    ) -> None:
        """Add a word that is ``said`` in some tokens, the last ones of the targets."""
        self.aims[row].append(_aim(len(self.ids), word, list(said)))
        self.texts.append(texts)
        self.ids.append(ids)
        self.places.append(places)
        self.targets.append(targets)
        self.of_row.append(row)

    @property
    def sayings(self) -> Sayings:
        """All of it."""
        examples = InMemory(
            self.ids,
            Ragged.of(self.targets, np.int64),
            spans=Ragged.of([np.array(own).reshape(-1, 2) for own in self.places], np.int32),
            rows=np.array(self.of_row, dtype=np.int64),
        )
        return Sayings(self.texts, examples, self.aims)


def _aim(example: int, word: str, said: list[int]) -> Aim:
    """Return what speaks for the last tokens that a model was asked for."""

    def score(logits: Tensor) -> Tensor:
        own = logits[:, -len(said) :]
        parts = [above_the_rest(own[:, place], token) for place, token in enumerate(said)]
        return sum(parts[1:], parts[0])

    def chance(logits: Tensor) -> Tensor:
        own = logits[:, -len(said) :].float().log_softmax(-1)
        return own[:, range(len(said)), said].sum(-1).exp()

    return Aim(example, word, score, chance, what=ABOVE)


def filled(
    rows: pd.DataFrame,
    tokenizer: Any,
    max_length: int,
    best: Callable[[Sequence[str]], Iterator[tuple[int, int, int]]],
    label: str | None,
) -> Sayings:
    """Return what is filled into the gaps of texts.

    Parameters
    ----------
    best : callable
        Texts to row, number of the gap in it, and the likeliest token.
    label : str, optional
        What is to be explained instead, in every gap.

    Raises
    ------
    RunError
        When that is no single token.
    """
    texts = list(rows["text"])
    wanted = None if label is None else _token_of(label, tokenizer)
    found, special = _Collected(len(rows)), set(tokenizer.all_special_ids)
    encoded = tokenizer(texts, truncation=True, max_length=max_length, return_offsets_mapping=True)
    for row, gap, likeliest in best(texts):
        ids, token = list(encoded["input_ids"][row]), likeliest if wanted is None else wanted
        places = [
            NOWHERE if one in special else tuple(where)
            for one, where in zip(ids, encoded["offset_mapping"][row], strict=True)
        ]
        gaps = [at for at, one in enumerate(ids) if one == tokenizer.mask_token_id]
        targets = [token if at == gaps[gap] else IGNORED for at in range(len(ids))]
        word = tokenizer.convert_tokens_to_string(tokenizer.convert_ids_to_tokens([token])).strip()
        found.add(row, (texts[row],), ids, places, targets, word, [token])
    return found.sayings


def _token_of(word: str, tokenizer: Any) -> int:
    """Return the token of a word, as it stands in a text."""
    for written in (f" {word}", word):
        ids = tokenizer(written, add_special_tokens=False)["input_ids"]
        if len(ids) == 1 and ids[0] != tokenizer.unk_token_id:
            return int(ids[0])
    raise RunError(
        f"label: {word!r} is no single token, and one is filled into a gap",
        hint="%predict names words that the model knows",
    )


def gone_on(
    prompts: Sequence[str], texts: Sequence[str], tokenizer: Any, start: Sequence[int], longest: int
) -> Sayings:
    """Return how texts go on, word by word.

    Parameters
    ----------
    prompts, texts : sequence of str
        How they begin, and the whole of them.
    start : sequence of int
        Tokens that stand before a text.
    longest : int
        Tokens that are read at once; of a long text the end counts.
    """
    found = _Collected(len(texts))
    for row, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
        own = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids = [*start, *own["input_ids"]][-longest:]
        places = [*(NOWHERE for _ in start), *map(tuple, own["offset_mapping"])][-longest:]
        is_said = np.array([where[1] > len(prompt.rstrip()) for where in places], dtype=bool)
        _add_words(found, row, text, ids, places, is_said, tokenizer)
    return found.sayings


def answered(
    rows: pd.DataFrame, answers: Sequence[str], tokenizer: Any, max_length: int
) -> Sayings:
    """Return answers in chats, word by word, in the text that the template makes of them."""
    chats = [with_answer(c, a) for c, a in zip(rows["messages"], answers, strict=True)]
    found = _Collected(len(rows))
    for row, one in enumerate(tokens_of(chats, tokenizer, max_length)):
        kept = slice(one.first, one.stop)
        is_said = _last_run(one.learnt)[kept]  # answers that were given before are read
        _add_words(found, row, one.text, one.ids[kept], one.places[kept], is_said, tokenizer)
    return found.sayings


def _add_words(
    found: _Collected,
    row: int,
    text: str,
    ids: list[int],
    places: list[Place],
    is_said: np.ndarray[Any, Any],
    tokenizer: Any,
) -> None:
    """Add the words that are said, each with all that stands before it."""
    special = set(tokenizer.all_special_ids)
    where = [NOWHERE if one in special else at for one, at in zip(ids, places, strict=True)]
    for word, (start, *rest) in _words(text, where, is_said):
        tokens = [start, *rest]
        if not start:  # nothing stands before it
            continue
        targets = [IGNORED] * len(ids)
        for at in tokens:
            targets[at - 1] = ids[at]
        before = [at if number < start else NOWHERE for number, at in enumerate(where)]
        read = text[: where[start][0]].rstrip()
        found.add(row, (read,), ids, before, targets, word, [ids[at] for at in tokens])


def _words(
    text: str, places: Sequence[Place], is_said: np.ndarray[Any, Any]
) -> list[tuple[str, list[int]]]:
    """Return the first words that are said, with their tokens."""
    words = words_in(text)
    tokens = [int(at) for at in np.flatnonzero(is_said) if places[int(at)][1]]
    of_each = word_of_each([places[at] for at in tokens], words)
    found: dict[int, list[int]] = {}
    for at, word in zip(tokens, of_each, strict=True):
        if word >= 0:
            found.setdefault(word, []).append(at)
    return [(text[slice(*words[word])], own) for word, own in list(found.items())[:MOST_WORDS]]


def _last_run(flags: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the last of several runs of true alone.

    Examples
    --------
    >>> _last_run(np.array([True, False, True, True, False])).tolist()
    [False, False, True, True, False]
    """
    found = np.zeros_like(flags)
    if flags.any():
        stop = int(np.flatnonzero(flags)[-1]) + 1
        before = np.flatnonzero(~flags[:stop])
        found[int(before[-1]) + 1 if len(before) else 0 : stop] = True
    return found


def rewritten(
    sources: InMemory,
    texts: Sequence[str],
    written: Sequence[str],
    target_of: Callable[[str], list[int]],
    tokenizer: Any,
) -> Sayings:
    """Return what is made of other texts, word by word: which words of the source speak for it.

    Parameters
    ----------
    sources : InMemory
        What is read, with spans.
    target_of : callable
        A text to the tokens that write it.
    """
    found, special = _Collected(len(texts)), set(tokenizer.all_special_ids)
    assert sources.spans is not None  # noqa: S101
    for row, (text, made) in enumerate(zip(texts, written, strict=True)):
        ids = list(target_of(made))
        own = tokenizer(text_target=made, add_special_tokens=False, return_offsets_mapping=True)
        where = iter(map(tuple, own["offset_mapping"]))
        places = [NOWHERE if token in special else next(where, NOWHERE) for token in ids]
        read = [(int(start), int(stop)) for start, stop in sources.spans.row(row)]
        for word, tokens in _words(made, places, np.array([at != NOWHERE for at in places])):
            before = made[: places[tokens[0]][0]].rstrip()
            found.add(
                row, (text, before) if before else (text,), list(sources.ids[row]), read,
                ids[: tokens[-1] + 1], word, [ids[at] for at in tokens],
            )  # fmt: skip
    return found.sayings
