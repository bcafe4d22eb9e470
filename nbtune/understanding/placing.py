"""Which words of which text the tokens of an example come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.batches import InMemory
from nbtune.data.tagged import places_of
from nbtune.data.words import Place, word_of_each, words_in
from nbtune.errors import ModelError, RunError
from nbtune.tasks import Task

NOWHERE = (0, 0)


@dataclass(frozen=True)
class Placed:
    """The texts of a row, their words, and the word of each token of an example of it.

    Attributes
    ----------
    words : tuple of (int, Place)
        Which text, and where in it.
    of_token : list of int
        -1 for tokens of no word.
    """

    texts: tuple[str, ...]
    words: tuple[tuple[int, Place], ...]
    of_token: list[int]


def texts_of(rows: pd.DataFrame, row: int, task: Task) -> tuple[str, ...]:
    """Return the texts that the model reads of a row."""
    roles = (role for role in task.rows.inputs if role in rows and role != "image")
    cells = [rows[role].iloc[row] for role in roles]
    return tuple(cell for cell in cells if isinstance(cell, str))


def place(
    task: Task,
    rows: pd.DataFrame,
    examples: InMemory,
    example: int,
    tokenizer: Any,
    longest: int,
    only: int | None = None,
) -> Placed:
    """Find the words of the tokens of an example.

    Parameters
    ----------
    only : int, optional
        The one of the texts that it is of, where each is read by itself.

    Raises
    ------
    ModelError
        When the tokenizer cannot tell where tokens stand.
    RunError
        When the model reads something else than the texts.
    """
    row = example if examples.rows is None else int(examples.rows[example])
    texts = texts_of(rows, row, task)
    ids = [int(one) for one in examples.ids[example]]
    if only is not None:
        alone = places_of_tokens((texts[only],), ids, tokenizer, longest)
        parts = [(only, where) for _, where in alone]
    elif examples.rows is not None:
        parts = _of_window(texts[0], ids, examples.spans.row(example), tokenizer)  # type: ignore[union-attr]
    elif examples.spans is not None:
        parts = [(0, (int(a), int(b))) for a, b in examples.spans.row(example)]
    else:
        parts = places_of_tokens(texts, ids, tokenizer, longest)
    if "tokens" in rows:
        return placed(texts, parts, [places_of(rows.iloc[[row]])[0]])
    return placed(texts, parts)


def placed(
    texts: tuple[str, ...],
    parts: Sequence[tuple[int, Place]],
    by_text: Sequence[Sequence[Place]] | None = None,
) -> Placed:
    """Find the words of tokens.

    Parameters
    ----------
    parts : sequence of (int, Place)
        Which text each token is of, and where it stands there; (0, 0) for those of none.
    by_text : sequence, optional
        Where the words of each text stand.
    """
    if by_text is None:
        by_text = [words_in(text) for text in texts]
    words = [(part, where) for part, own in enumerate(by_text) for where in own]
    of_token = [-1] * len(parts)
    before = 0
    for part, own in enumerate(by_text):
        at = [number for number, (of, where) in enumerate(parts) if of == part and where[1]]
        found = word_of_each([parts[number][1] for number in at], own)
        for number, word in zip(at, found, strict=True):
            of_token[number] = word + before if word >= 0 else -1
        before += len(own)
    return Placed(texts, tuple(words), of_token)


def places_of_tokens(
    texts: tuple[str, ...], ids: list[int], tokenizer: Any, longest: int
) -> list[tuple[int, Place]]:
    """Return which text each token is of, and where it stands there; (0, 0) for those of none."""
    refuse_slow(tokenizer)
    tokens = tokenizer(*texts, truncation=True, max_length=longest, return_offsets_mapping=True)
    if list(tokens["input_ids"]) != ids:
        raise RunError(
            "the model does not read the texts as they are, so words cannot be told",
            hint="explain a run of text-classification, token-classification or question-answering",
        )
    pairs = zip(tokens.sequence_ids(0), tokens["offset_mapping"], strict=True)
    return [(0, NOWHERE) if part is None else (part, tuple(at)) for part, at in pairs]


def refuse_slow(tokenizer: Any) -> None:
    """Refuse tokenizers that do not know where in a text they are."""
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} cannot tell where in a text a token stands",
            hint="take a model with a tokenizer.json",
        )


def _of_window(
    question: str, ids: list[int], spans: Any, tokenizer: Any
) -> list[tuple[int, Place]]:
    """Find the question before the piece of the context, whose tokens know where they stand."""
    context = np.flatnonzero(spans[:, 1])
    found = [(1, (int(a), int(b))) for a, b in spans]
    asked = tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)
    first = int(context[0]) if len(context) else len(ids)
    special = set(tokenizer.all_special_ids)
    own = [at for at in range(first) if ids[at] not in special]
    for at, where in zip(own, asked["offset_mapping"], strict=False):
        found[at] = (0, (int(where[0]), int(where[1])))
    return found
