"""Texts that are written on: to learn a language, or how some texts go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from nbtune.data.batches import InMemory
from nbtune.data.blocks import Pieces, cut_texts
from nbtune.data.chats import are_chats
from nbtune.data.plain import KEPT
from nbtune.data.ragged import IGNORED, Ragged
from nbtune.errors import RecipeError
from nbtune.events import Progress
from nbtune.models.going_on import go_on, refuse_silent
from nbtune.recipe import Recipe
from nbtune.records import WRITING_SCORES
from nbtune.tasks import Known, Request, Sayings, Task, chats
from nbtune.tasks.language import language_task
from nbtune.tasks.sayings import gone_on
from nbtune.tasks.streaming import few_of_many, streamed

LONGEST, EXPLAINED = 60, 24
"""Tokens that are written where nothing else is said, and where each is explained."""


def encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise texts, each by itself; a target is the token that comes next."""
    return _encode(rows, tokenizer, max_length, is_joined=False)


def encode_apart(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise texts that are only learnt from, each by itself."""
    return _encode(rows, tokenizer, max_length, is_joined=False, with_spans=False)


def encode_joined(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise texts one after the other, in examples of ``max_length``."""
    return _encode(rows, tokenizer, max_length, is_joined=True, with_spans=False)


def _encode(
    rows: pd.DataFrame,
    tokenizer: Any,
    max_length: int,
    *,
    is_joined: bool,
    with_spans: bool = True,
) -> InMemory:
    start, end = start_of(tokenizer), tokenizer.eos_token_id
    between = () if end is None else (end,)
    # Pieces share a token, so that each one is foretold once, from all before it in its piece.
    pieces = Pieces(max_length, between=between, shared=1, is_joined=is_joined, first=start)
    examples = cut_texts(list(rows["text"]), tokenizer, pieces, with_spans=with_spans)
    targets = Ragged.of([[*own[1:], IGNORED] for own in examples.ids], np.int32)
    if examples.spans is None:
        return replace(examples, targets=targets)
    spans = [np.concatenate([own[1:], [[0, 0]]]) for own in examples.spans]
    return replace(examples, targets=targets, spans=Ragged.of(spans, np.int32))


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
    refuse_silent(model)
    tokenizer, found = known.tokenizer, []
    torch.manual_seed(request.seed)
    texts = list(rows["text"])
    for row, text in enumerate(texts):
        written = _written(model, text, tokenizer, max_length, request)
        found.append((row, text, written, f"{text}{written}"))
        if progress is not None:
            progress(row + 1, len(texts))
    return pd.DataFrame(found, columns=["text_row", "prompt", "continuation", "text"])


def sayings(
    model: Any, rows: pd.DataFrame, known: Known, max_length: int, label: str | None
) -> Sayings:
    """Return how the model goes on with each text, the likeliest way, to be explained."""
    refuse_silent(model)
    prompts, tokenizer = list(rows["text"]), known.tokenizer
    if label is not None:
        texts = [f"{prompt.rstrip()} {label.strip()}" for prompt in prompts]
    else:
        asked = Request(max_new_tokens=EXPLAINED, temperature=0)
        texts = [p + _written(model, p, tokenizer, max_length, asked) for p in prompts]
    return gone_on(prompts, texts, tokenizer, start_of(tokenizer), max_length)


def completed(rows: pd.DataFrame, found: pd.DataFrame, known: Known) -> list[str]:
    """Return each text with what was written on it."""
    return list(found["text"])


def _written(model: Any, text: str, tokenizer: Any, max_length: int, request: Request) -> str:
    own = tokenizer(text, add_special_tokens=False)["input_ids"]
    longest = request.max_new_tokens or LONGEST
    # Of a long text the end counts; half of the room is its own, however much is to be written.
    room = max(1, max_length // 2, max_length - longest)
    prompt = [*start_of(tokenizer), *own][-room:]
    end = tokenizer.eos_token_id
    (written,) = go_on(
        model,
        [prompt],
        max_new_tokens=min(longest, max(1, max_length - len(prompt))),
        pad_id=tokenizer.pad_token_id,
        ends=() if end is None else (end,),
        drawing=request.drawing(usual=1.0),
    )
    return str(tokenizer.decode(written, skip_special_tokens=True))


def suited(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return what is learnt of the rows, and that lines are kept, where nothing else is said.

    Texts are joined. Of chats the answers are learnt; these stay apart, and cost no padding.

    Raises
    ------
    RecipeError
        When something is asked for that is there for the others only.
    """
    is_of_chats = are_chats(frame, recipe)
    if is_of_chats and recipe.packing:
        raise RecipeError(
            "packing: chats are packed without padding anyway, and never see each other",
            hint="leave packing out",
        )
    if not is_of_chats and recipe.completion_only_loss is not None:
        raise RecipeError(
            f"completion_only_loss: there are no answers; the data has "
            f"{', '.join(map(str, frame.columns[:12]))}",
            hint="name columns: messages: ..., or prompt: ... and completion: ...; or leave it out",
        )
    setting = ("completion_only_loss", "packing")[not is_of_chats]
    found: dict[str, Any] = {setting: True} if getattr(recipe, setting) is None else {}
    found |= few_of_many(frame, recipe)
    return found if "clean" in recipe.model_fields_set else {**found, "clean": KEPT}


def tuned(recipe: Recipe) -> Task:
    """Return the task for chats, or that for texts which are joined or not."""
    if recipe.completion_only_loss is not None:
        return chats.tuned(recipe)
    task = replace(TASK, encode_training=encode_joined if recipe.packing else encode_apart)
    return streamed(task, recipe) if recipe.streaming else task


TASK = language_task(
    with_bytes=True,
    name="text-generation",
    summary="how texts go on",
    head="AutoModelForCausalLM",
    encode=encode,
    preview=lambda rows, tokenizer, max_length: [[("target", text)] for text in rows["text"]],
    scores=WRITING_SCORES,
    suited=suited,
    tuned=tuned,
    respond=respond,
    completed=completed,
    sayings=sayings,
    answering="texts written on",
    reads="writing",
)
