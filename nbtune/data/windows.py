"""Texts too long for a model, as windows that overlap, each behind the same question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtune.data.batches import InMemory
from nbtune.data.ragged import Ragged
from nbtune.errors import ModelError, RecipeError

LONGEST_QUESTION = 64
"""Tokens; what is more is left out, as in transformers' pipeline."""


def encode_windows(
    questions: Sequence[str], contexts: Sequence[str], tokenizer: Any, max_length: int, stride: int
) -> InMemory:
    """Tokenise pairs; a context that is too long becomes several examples of its row.

    The tokens of contexts know where they stand, those of questions and those of no text are at
    (0, 0). Examples whose question was shortened are ``cut``.

    Parameters
    ----------
    stride : int
        Tokens that a window has in common with the one before it; fewer where that is too many
        to come any further.

    Raises
    ------
    ModelError
        When the tokenizer cannot tell where tokens stand.
    RecipeError
        When there is no room for a context.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} cannot tell where in a text a token stands",
            hint="take a model with a tokenizer.json",
        )
    if not len(questions):
        nothing = np.empty(0, dtype=np.int64)
        return InMemory([], nothing, spans=Ragged.of([]), rows=nothing)
    longest = min(LONGEST_QUESTION, max_length // 2)
    room = max_length - longest - tokenizer.num_special_tokens_to_add(pair=True)
    if room < 1:
        raise RecipeError(
            f"max_length: {max_length} tokens have no room for a question and a text",
            hint="take 32 or more; 384 is usual",
        )
    asked = [_shortened(one, tokenizer, longest) for one in questions]
    tokens = tokenizer(
        asked,
        list(contexts),
        truncation="only_second",
        max_length=max_length,
        stride=min(stride, room - 1),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    spans = [
        _of_context(offsets, tokens.sequence_ids(example))
        for example, offsets in enumerate(tokens["offset_mapping"])
    ]
    rows = np.array(tokens["overflow_to_sample_mapping"], dtype=np.int64)
    was_cut = np.array([a != b for a, b in zip(asked, questions, strict=True)], dtype=bool)
    has_types = "token_type_ids" in tokens
    return InMemory(
        tokens["input_ids"],
        np.zeros(len(rows)),
        types=Ragged.of(tokens["token_type_ids"], np.uint8) if has_types else None,
        spans=Ragged.of(spans, np.int32),
        rows=rows,
        cut=was_cut[rows],
    )


def _shortened(question: str, tokenizer: Any, longest: int) -> str:
    places = tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)
    offsets = places["offset_mapping"]
    return question if len(offsets) <= longest else question[: offsets[longest - 1][1]]


def _of_context(
    offsets: Sequence[tuple[int, int]], parts: Sequence[int | None]
) -> list[tuple[int, int]]:
    return [at if part == 1 else (0, 0) for at, part in zip(offsets, parts, strict=True)]
