"""Texts that are written on: to learn a language, or how some texts go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from nbtune.data.batches import InMemory
from nbtune.data.blocks import Pieces, cut_texts
from nbtune.data.ragged import IGNORED, Ragged
from nbtune.errors import ModelError
from nbtune.recipe import Recipe
from nbtune.records import WRITING_SCORES
from nbtune.tasks import Known, Request, Task
from nbtune.tasks.language import language_task

Progress = Callable[[int, int], None]
KEPT = ("control", "unicode")
"""Lines and indents are part of what is written."""


def encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise texts, each by itself; a target is the token that comes next."""
    return _encode(rows, tokenizer, max_length, is_joined=False)


def encode_joined(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise texts one after the other, in examples of ``max_length``."""
    return _encode(rows, tokenizer, max_length, is_joined=True)


def _encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, *, is_joined: bool) -> InMemory:
    start, end = start_of(tokenizer), tokenizer.eos_token_id
    between = () if end is None else (end,)
    # Pieces share a token, so that each one is foretold once, from all before it in its piece.
    pieces = Pieces(max_length, between=between, shared=1, is_joined=is_joined, first=start)
    examples = cut_texts(list(rows["text"]), tokenizer, pieces)
    assert examples.spans is not None  # noqa: S101
    spans = [np.concatenate([own[1:], [[0, 0]]]) for own in examples.spans]
    targets = [[*own[1:], IGNORED] for own in examples.ids]
    return replace(examples, targets=Ragged.of(targets, np.int32), spans=Ragged.of(spans, np.int32))


def start_of(tokenizer: Any) -> tuple[int, ...]:
    """Return the token that a text begins after; none where a tokenizer has no such thing."""
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return (int(token),)
    return ()


def respond(
    model: Any,
    rows: pd.DataFrame,
    known: Known,
    max_length: int,
    request: Request,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return how the model goes on with each text.

    Raises
    ------
    ModelError
        When the model cannot write.
    """
    if not hasattr(model, "generate") or not model.can_generate():
        raise ModelError(
            f"a {type(model).__name__} cannot write", hint="take a model with a head that generates"
        )
    tokenizer, found = known.tokenizer, []
    torch.manual_seed(request.seed)
    texts = list(rows["text"])
    for row, text in enumerate(texts):
        written = _written(model, text, tokenizer, max_length, request)
        found.append((row, text, written, f"{text}{written}"))
        if progress is not None:
            progress(row + 1, len(texts))
    return pd.DataFrame(found, columns=["text_row", "prompt", "continuation", "text"])


def completed(rows: pd.DataFrame, found: pd.DataFrame, known: Known) -> list[str]:
    """Return each text with what was written on it."""
    return list(found["text"])


def _written(model: Any, text: str, tokenizer: Any, max_length: int, request: Request) -> str:
    own = tokenizer(text, add_special_tokens=False)["input_ids"]
    # Of a long text the end counts; half of the room is its own, however much is to be written.
    room = max(1, max_length // 2, max_length - request.max_new_tokens)
    prompt = [*start_of(tokenizer), *own][-room:]
    ids = torch.tensor([prompt], device=next(model.parameters()).device)
    draws = request.temperature > 0
    drawing = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k or 0,
    }
    with torch.no_grad():
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=min(request.max_new_tokens, max(1, max_length - len(prompt))),
            do_sample=draws,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            **(drawing if draws else {}),
        )
    return str(tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True))


def suited(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return that texts are joined and keep their lines, where nothing else is said."""
    found: dict[str, Any] = {"packing": True} if recipe.packing is None else {}
    return found if "clean" in recipe.model_fields_set else {**found, "clean": KEPT}


def tuned(recipe: Recipe) -> Task:
    """Return the task with texts joined or not, as a recipe asks for."""
    return replace(TASK, encode_training=encode_joined) if recipe.packing else TASK


TASK = language_task(
    with_bytes=True,
    name="text-generation",
    summary="how texts go on",
    head="AutoModelForCausalLM",
    encode=encode,
    scores=WRITING_SCORES,
    suited=suited,
    tuned=tuned,
    respond=respond,
    completed=completed,
    answering="texts written on",
    reads="writing",
)
