"""What is learnt of rows, in pieces of their texts: what is read, what is true, what is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.encoding import CHARACTERS_PER_TOKEN

Pieces = list[tuple[str, str]]
"""(kind, text), as `nbtune.events.Previewed` has them."""
TO = " → "
PARTS = " ⟩ "


def read_of(
    texts: Sequence[str], tokenizer: Any, max_length: int, *, is_target: bool = False
) -> list[int]:
    """Return how many characters of each text are read, the rest being cut off."""
    if not tokenizer.is_fast:  # it does not say where its tokens stand
        return [len(text) for text in texts]
    shortened = [text[: CHARACTERS_PER_TOKEN * max_length] for text in texts]
    asked: dict[str, Any] = {"truncation": True, "max_length": max_length, "verbose": False}
    given = {"text_target": shortened} if is_target else {"text": shortened}
    found = tokenizer(**given, **asked, return_offsets_mapping=True)["offset_mapping"]
    ends = [max((end for _, end in spans), default=0) for spans in found]
    # What a tokenizer leaves out behind the last token, such as a space, is not cut off.
    return [
        len(text) if not text[end:].strip() else end for text, end in zip(texts, ends, strict=True)
    ]


def parted(text: str, end: int, kind: str = "context") -> Pieces:
    """Return a text as what is read of it and what is cut off."""
    return [(kind, text[:end]), *([("cut", text[end:])] if text[end:] else [])]


def with_truths(
    rows: pd.DataFrame, truths: Sequence[str], tokenizer: Any, max_length: int
) -> list[Pieces]:
    """Return texts, or pairs, each with what is true of all of it."""
    texts = list(rows["text"])
    pairs = list(rows["text_pair"]) if "text_pair" in rows else [None] * len(rows)
    found = []
    for text, pair, truth in zip(texts, pairs, truths, strict=True):
        if pair is None:
            own = parted(text, read_of([text], tokenizer, max_length)[0])
        else:
            first, second = _ends_of_pair(text, pair, tokenizer, max_length)
            own = [*parted(text, first), ("context", PARTS), *parted(pair, second)]
        found.append([*own, ("context", TO), ("target", truth)])
    return found


def _ends_of_pair(text: str, pair: str, tokenizer: Any, max_length: int) -> tuple[int, int]:
    if not tokenizer.is_fast:
        return len(text), len(pair)
    most = CHARACTERS_PER_TOKEN * max_length
    found = tokenizer(
        text[:most], pair[:most], truncation=True, max_length=max_length,
        return_offsets_mapping=True, verbose=False,
    )  # fmt: skip
    ends = [0, 0]
    for side, (_, end) in zip(found.sequence_ids(), found["offset_mapping"], strict=True):
        if side is not None:
            ends[side] = max(ends[side], end)
    lengths = (len(text), len(pair))
    whole = [not one[end:].strip() for one, end in zip((text, pair), ends, strict=True)]
    first, second = (n if w else end for n, w, end in zip(lengths, whole, ends, strict=True))
    return first, second


def with_marks(text: str, marks: Sequence[tuple[int, int]]) -> Pieces:
    """Return a text with what is marked in it: begins and ends in their order."""
    found: Pieces = []
    at = 0
    for start, stop in marks:
        if start < at:
            continue
        found += [("context", text[at:start]), ("target", text[start:stop])]
        at = stop
    return [(kind, piece) for kind, piece in [*found, ("context", text[at:])] if piece]


def short_number(value: float) -> str:
    """Write a number that is learnt."""
    return f"{np.float64(value):.4g}"
