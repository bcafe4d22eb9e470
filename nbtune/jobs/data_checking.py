"""Data is looked at: with the tokenizer of the model it is for, or shortly before a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbtune.errors import DataError
from nbtune.jobs.choosing import model_of
from nbtune.jobs.previewing import preview_before
from nbtune.recipe import Recipe
from nbtune.tasks import task_of

if TYPE_CHECKING:
    from nbtune.data.checks.lengths import Reader
    from nbtune.data.preparing import PreparedData
    from nbtune.records import DataRecord

MOST_BEFORE_A_RUN = 20_000
"""Rows of a split that are searched for signs before each run; ``%data`` searches all of them."""
_TOLD_ALREADY = ("unusable", "overlap", "rare_labels", "imbalance")
"""What preparing the rows says itself, or what is good to know only."""
_VOCABULARY_TEXTS = 20_000


def look_at_data(
    source: Any,
    name: str,
    recipe: Recipe,
    progress: Callable[[int, int], None],
    *,
    validation: Any = None,
    test: Any = None,
    tokenize: bool = True,
    origin: str = "",
) -> DataRecord:
    """Look at all rows of a source, and of those beside it; see `nbtune.api.check_data`."""
    from nbtune.data.checking import refuse_empty
    from nbtune.data.checks.recognising import shape_of
    from nbtune.data.checks.report import describe, describe_as
    from nbtune.data.checks.shapes import VARIANTS
    from nbtune.data.reading import read, with_parts

    frames = with_parts(read(source), validation, test)
    for split, frame in frames.items():
        refuse_empty(frame, split)
    task = shape_of(next(iter(frames.values())), recipe)
    readers: list[Reader] = []
    said = VARIANTS.get(task, {"task": task}) if task else {}
    meant = recipe.model_copy(update=said)
    count = _tokenizer_of(meant, readers) if tokenize else None
    if task:
        record = describe_as(task, name, frames, recipe, count, progress, origin=origin)
    else:
        record = describe(name, frames, recipe, count, progress, origin=origin)
    first = next(iter(frames.values()))
    preview = preview_before(first, meant, readers[0] if readers else None)
    return replace(record, preview=preview)


def _tokenizer_of(recipe: Recipe, readers: list[Reader]) -> Callable[[list[str]], Reader]:
    """Return what loads the tokenizer of the recipe's model, without the model itself.

    It is added to the ``readers``.
    """
    from nbtune.data.checks.lengths import Reader

    source, reads = model_of(recipe), task_of(recipe).reads
    words = "text" if reads == "images" else reads
    is_beside = reads == "images"

    def load(texts: list[str]) -> Reader:
        readers.append(made(texts))
        return readers[-1]

    def made(texts: list[str]) -> Reader:
        from nbtune.models.loading import load_tokenizer, places_of

        if source.kind == "scratch":
            from nbtune.models.scratch import POSITIONS, SIZES

            _, width = SIZES[recipe.size]
            made = load_tokenizer(source, texts[:_VOCABULARY_TEXTS], reads=words)
            return Reader(source.name, made, None if is_beside else width, POSITIONS)
        from transformers import AutoConfig

        tokenizer = load_tokenizer(source, [], recipe.revision)
        config = AutoConfig.from_pretrained(source.location, revision=recipe.revision)
        width = int(getattr(config, "hidden_size", 768))
        places = places_of(config, tokenizer)
        return Reader(source.name, tokenizer, None if is_beside else width, places)

    return load


def warnings_of(recipe: Recipe, data: PreparedData) -> list[str]:
    """Return what is wrong with the rows of a run, in a sentence each; nothing when not asked.

    Raises
    ------
    DataError
        When the recipe has ``checks: strict`` and something is wrong enough.
    """
    if recipe.checks == "off":
        return []
    from nbtune.data.checks.report import gravest
    from nbtune.data.checks.taken import look_before

    found = look_before(data.kind, data.splits, recipe, MOST_BEFORE_A_RUN)
    if recipe.checks == "strict" and (errors := gravest(found, "error")):
        raise DataError(
            "checks: strict: " + "; ".join(f"{len(one.rows):,} {one.what}" for one in errors),
            hint="%data shows them with a line that mends each; or checks: warn",
        )
    told = [one for one in gravest(found, "warning") if one.check not in _TOLD_ALREADY]
    return [f"{len(one.rows):,} {one.what} (%data shows them)" for one in told]
