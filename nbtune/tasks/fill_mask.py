"""Hidden words of plain texts: to learn a language, or what is special about some texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from nbtune.data import previewing
from nbtune.data.batches import InMemory
from nbtune.data.blocks import Pieces, cut_texts, ends_of
from nbtune.data.masking import Masked, Masking, WordParts
from nbtune.errors import DataError
from nbtune.events import Progress
from nbtune.models.places import only_at
from nbtune.recipe import Recipe
from nbtune.records import MASKED_SCORES
from nbtune.tasks import Known, Request, Sayings, Task
from nbtune.tasks.language import language_task
from nbtune.tasks.sayings import filled
from nbtune.tasks.streaming import few_of_many, streamed

Array = np.ndarray[Any, Any]
ROWS_AT_ONCE = 32
USUAL_FILLS = 5
SHOWN = 400
"""Characters of a text of which is shown which words are hidden."""


def encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise texts, each by itself; a long one is several examples."""
    return cut_texts(list(rows["text"]), tokenizer, Pieces(max_length, ends_of(tokenizer)))


def encode_apart(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise texts that are only learnt from, each by itself."""
    pieces = Pieces(max_length, ends_of(tokenizer))
    return cut_texts(list(rows["text"]), tokenizer, pieces, with_spans=False)


def encode_joined(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise texts one after the other, in examples of ``max_length``."""
    ends = ends_of(tokenizer)
    pieces = Pieces(max_length, ends, between=ends.after, is_joined=True)
    return cut_texts(list(rows["text"]), tokenizer, pieces, with_spans=False)


def shown(examples: Any, known: Known, recipe: Recipe, is_training: bool) -> Masked:
    """Hide words: others in every epoch, and the same at every evaluation."""
    tokenizer = known.tokenizer
    special = set(tokenizer.all_special_ids)
    masking = Masking(
        mask_id=tokenizer.mask_token_id,
        others=np.array([i for i in range(len(tokenizer)) if i not in special]),
        share=recipe.mlm_probability,
        seed=recipe.seed,
        words=WordParts.of(tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))))
        if recipe.whole_word_mask
        else None,
    )
    return Masked(examples, masking, 0 if is_training else None)


def preview(
    rows: pd.DataFrame, tokenizer: Any, max_length: int, *, recipe: Recipe
) -> list[previewing.Pieces]:
    """Return the beginning of each text, with words that one epoch hides from the model."""
    texts = [text.lstrip()[:SHOWN] for text in rows["text"]]
    examples = encode(rows.assign(text=texts), tokenizer, max_length, Known())
    assert examples.spans is not None and examples.rows is not None  # noqa: S101, PT018
    masked = shown(examples, Known(tokenizer=tokenizer), recipe, True)
    hidden: list[list[tuple[int, int]]] = [[] for _ in texts]
    for example, row in enumerate(examples.rows):
        places, _ = masked.hidden(example)
        hidden[row] += [(int(a), int(b)) for a, b in examples.spans.row(example)[places]]
    return [
        previewing.with_marks(text, sorted(marks))
        for text, marks in zip(texts, hidden, strict=True)
    ]


def respond(
    model: Any,
    rows: pd.DataFrame,
    known: Known,
    max_length: int,
    request: Request,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return the likeliest words for each mask of each text, one a line.

    Raises
    ------
    DataError
        When a text has no mask, or one behind the tokens that the model can take.
    """
    tokenizer, count = known.tokenizer, request.top_k or USUAL_FILLS
    texts = list(rows["text"])
    _refuse_without_gap(texts, tokenizer)
    found = []
    for row, gap, (ids, chances) in _fills(model, texts, tokenizer, max_length, count, progress):
        words = tokenizer.convert_ids_to_tokens(ids)
        for rank, (token, chance) in enumerate(zip(words, chances, strict=True), 1):
            word = tokenizer.convert_tokens_to_string([token]).strip() or token
            found.append((row, gap, rank, word, chance, _filled(texts[row], gap, word, tokenizer)))
    columns = ["text_row", "gap", "rank", "word", "probability", "text"]
    return pd.DataFrame(found, columns=columns)


def sayings(
    model: Any, rows: pd.DataFrame, known: Known, max_length: int, label: str | None
) -> Sayings:
    """Return what the model fills into each gap, to be explained.

    Raises
    ------
    DataError
        When a text has no gap.
    """
    tokenizer = known.tokenizer
    _refuse_without_gap(list(rows["text"]), tokenizer)

    def best(texts: Sequence[str]) -> Iterator[tuple[int, int, int]]:
        for row, gap, (ids, _) in _fills(model, list(texts), tokenizer, max_length, 1, None):
            yield row, gap, ids[0]

    return filled(rows, tokenizer, max_length, best, label)


def _refuse_without_gap(texts: list[str], tokenizer: Any) -> None:
    if lacking := [i for i, text in enumerate(texts) if tokenizer.mask_token not in text]:
        raise DataError(
            f"text {lacking[0]} has no gap to fill in: {texts[lacking[0]][:60]!r} "
            f"({len(lacking)} such texts)",
            hint=f"write {tokenizer.mask_token} where a word is missing",
        )


def _fills(
    model: Any,
    texts: list[str],
    tokenizer: Any,
    max_length: int,
    count: int,
    progress: Progress | None,
) -> Iterator[tuple[int, int, tuple[list[int], list[float]]]]:
    """Yield the row, the number of the gap in it, and the likeliest tokens with their chances."""
    for start in range(0, len(texts), ROWS_AT_ONCE):
        inputs = tokenizer(
            texts[start : start + ROWS_AT_ONCE],
            truncation=True,
            max_length=max_length,
            padding=True,
            return_tensors="pt",
        ).to(next(model.parameters()).device)
        ids = inputs["input_ids"]
        is_gap = ids == tokenizer.mask_token_id
        for row, seen in enumerate(is_gap.sum(1).tolist(), start):
            if seen < texts[row].count(tokenizer.mask_token):
                raise DataError(
                    f"text {row} has a gap behind the {max_length} tokens that the model takes",
                    hint="shorten what stands before it",
                )
        places = is_gap.flatten().nonzero()[:, 0]
        with torch.no_grad(), only_at(model, ids.shape[1], places):
            chances = model(**inputs).logits[0].float().softmax(-1)
        chances[:, tokenizer.all_special_ids] = 0  # these fill no gap
        best = chances.topk(min(count, chances.shape[1]))
        rows, gaps = places // ids.shape[1], (is_gap.cumsum(1) - 1).flatten()[places]
        yield from zip(
            (rows + start).tolist(),
            gaps.tolist(),
            zip(best.indices.tolist(), best.values.tolist(), strict=True),
            strict=True,
        )
        if progress is not None:
            progress(min(start + ROWS_AT_ONCE, len(texts)), len(texts))


def completed(rows: pd.DataFrame, found: pd.DataFrame, known: Known) -> list[str]:
    """Return each text with the likeliest word in each of its gaps."""
    texts = list(rows["text"])
    best = found[found["rank"] == 1].sort_values(["text_row", "gap"])
    for row, word in zip(best["text_row"], best["word"], strict=True):
        texts[row] = _filled(texts[row], 0, word, known.tokenizer)  # the first that is left
    return texts


def _filled(text: str, gap: int, word: str, tokenizer: Any) -> str:
    """Return a text with one of its gaps filled."""
    parts = text.split(tokenizer.mask_token)
    before, after = (
        tokenizer.mask_token.join(part) for part in (parts[: gap + 1], parts[gap + 1 :])
    )
    if word.startswith("##"):
        return f"{before.rstrip()}{word[2:]}{after}"
    return f"{before}{word}{after}"


def suited(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return that texts are not joined, where nothing else is said.

    Batches have no padding, so that joining short texts would save nothing; and a model that is
    to judge texts one by one later should read them so.
    """
    found = {} if recipe.packing is not None else {"packing": False}
    return found | few_of_many(frame, recipe)


def tuned(recipe: Recipe) -> Task:
    """Return the task with texts joined or not, and in memory or not, as a recipe asks for."""
    task = replace(
        TASK,
        encode_training=encode_joined if recipe.packing else encode_apart,
        preview=partial(preview, recipe=recipe),
    )
    return streamed(task, recipe) if recipe.streaming else task


TASK = language_task(
    with_bytes=False,
    name="fill-mask",
    summary="words that are hidden in texts",
    head="AutoModelForMaskedLM",
    encode=encode,
    scores=MASKED_SCORES,
    suited=suited,
    tuned=tuned,
    shown=shown,
    respond=respond,
    completed=completed,
    sayings=sayings,
    answering="texts filled in",
    reads="gaps",
)
