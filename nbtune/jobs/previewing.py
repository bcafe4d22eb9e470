"""What is learnt of a few rows, in pieces of their texts: of a run, and before there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nbtune.errors import NbtuneError
from nbtune.jobs.choosing import suit
from nbtune.recipe import Recipe
from nbtune.records import Preview
from nbtune.tasks import Task, task_of

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.data.checks.lengths import Reader

PREVIEWED, HALF, SIDE = 3, 120, 32
"""Rows that are shown, the characters of both ends of a long piece, and pixels of an image."""
LOOKED_AT, ENOUGH = 20, 1_000
"""Rows among which those are chosen, and so many that say what all are for."""


def preview_of(rows: pd.DataFrame, task: Task, tokenizer: Any, max_length: int) -> Preview:
    """Return what is learnt of rows as a task has them, which needs a `Task.preview`."""
    from nbtune.data.pictures import thumbnail

    assert task.preview is not None  # noqa: S101
    found = task.preview(rows, tokenizer, max_length)
    pieces = tuple(tuple((kind, _middle_out(text)) for kind, text in row) for row in found)
    images = rows["image"] if task.reads == "images" else ()
    pictures = tuple(thumbnail(one, SIDE) for one in images)
    return Preview(tuple(map(int, rows["row"])), pieces, pictures)


def preview_before(frame: pd.DataFrame, recipe: Recipe, reader: Reader | None) -> Preview | None:
    """Return what a run would learn of the first rows; None where that cannot be told.

    Rows with anything personal in them are passed over; one that is cut is shown where there is.

    Parameters
    ----------
    recipe : Recipe
        It says what the rows are for.
    reader : Reader, optional
        Images need none.
    """
    try:
        recipe, kind = suit(frame.head(ENOUGH), recipe.model_copy(update={"drop_bad_rows": True}))
        task = task_of(recipe)
        if task.preview is None or (reader is None and task.reads != "images"):
            return None
        named = {role: name for role in kind.roles if (name := getattr(recipe, role)) is not None}
        roles = kind.find(frame.head(ENOUGH), named).roles
        rows, _ = kind.usable(frame.head(LOOKED_AT), roles, recipe, "data")
        tokenizer = None if reader is None else reader.tokenizer
        if task.dress is not None:
            task.dress(tokenizer)
        places = None if reader is None else reader.places
        longest = recipe.max_length if places is None else min(recipe.max_length, places)
        pieces = task.preview(rows, tokenizer, longest)
    except NbtuneError:  # what is wrong with the rows is told by the checks
        return None
    chosen = _worth_showing(pieces)
    return preview_of(rows.iloc[chosen], task, tokenizer, longest) if chosen else None


def _worth_showing(found: Sequence[Sequence[tuple[str, str]]]) -> list[int]:
    """Return the places of the first rows with nothing personal, one that is cut among them."""
    from nbtune.data.checks.personal import mask

    texts = ["".join(text for _, text in row) for row in found]
    fit = [place for place, text in enumerate(texts) if mask(text) == text]
    cut = [place for place in fit if any(kind == "cut" for kind, _ in found[place])][:1]
    return sorted([*cut, *(place for place in fit if place not in cut)][:PREVIEWED])


def _middle_out(text: str) -> str:
    """Leave the middle of a long text out.

    Examples
    --------
    >>> len(_middle_out("a" * 9000))
    241
    """
    return text if len(text) <= 2 * HALF else f"{text[:HALF]}…{text[-HALF:]}"
