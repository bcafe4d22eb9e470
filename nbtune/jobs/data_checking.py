"""Data is looked at: with the tokenizer of the model it is for, or shortly before a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbtune.errors import DataError
from nbtune.jobs.choosing import model_of
from nbtune.recipe import Recipe

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
    tokenize: bool = True,
    origin: str = "",
) -> DataRecord:
    """Look at all rows of a source; see `nbtune.api.check_data`."""
    from nbtune.data.checking import refuse_empty
    from nbtune.data.checks.recognising import shape_of
    from nbtune.data.checks.report import describe, describe_as
    from nbtune.data.reading import read

    frames = read(source)
    for split, frame in frames.items():
        refuse_empty(frame, split)
    task = shape_of(next(iter(frames.values())), recipe)
    count = _tokenizer_of(recipe) if tokenize else None
    if task:
        return describe_as(task, name, frames, recipe, count, progress, origin=origin)
    return describe(name, frames, recipe, count, progress, origin=origin)


def _tokenizer_of(recipe: Recipe) -> Callable[[list[str]], Reader]:
    """Return what loads the tokenizer of the recipe's model, without the model itself."""
    from nbtune.data.checks.lengths import Reader

    source = model_of(recipe)

    def load(texts: list[str]) -> Reader:
        from nbtune.models.loading import load_tokenizer, places_of

        if source.kind == "scratch":
            from nbtune.models.scratch import POSITIONS, SIZES

            _, width = SIZES[recipe.size]
            made = load_tokenizer(source, texts[:_VOCABULARY_TEXTS])
            return Reader(source.name, made, width, POSITIONS)
        from transformers import AutoConfig

        tokenizer = load_tokenizer(source, [], recipe.revision)
        config = AutoConfig.from_pretrained(source.location, revision=recipe.revision)
        width = int(getattr(config, "hidden_size", 768))
        return Reader(source.name, tokenizer, width, places_of(config, tokenizer))

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
