"""Rows of a task as a scan sees them, and what is found in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.checks.found import SHOWN, Meant, as_given, look
from nbtune.data.checks.personal import mask
from nbtune.data.checks.scan import Scan, refuse_missing, scan
from nbtune.data.checks.shape import Shape
from nbtune.data.checks.shapes import SHAPES, VARIANTS
from nbtune.data.cleaning import clean_text
from nbtune.data.pictures import thumbnail
from nbtune.data.rows import Roles, Rows
from nbtune.data.texts import LABELLED
from nbtune.events import Progress
from nbtune.recipe import Recipe

Array = np.ndarray[Any, Any]
_TEXT, _TRUTH, _CALLED, _BESIDE = "text", "true", "called", "beside"


@dataclass(frozen=True)
class Taken:
    """Rows as a scan sees them, and what was found in them.

    Attributes
    ----------
    usable : mapping
        The rows that can be learnt from, by split.
    places : ndarray
        Where each row of the scan stands in all splits one after the other.
    meant : list of Meant
        What was found; rows are places.
    roles : mapping
        The columns by their roles.
    written, beside : list of str, optional
        What a model is to write of each row of the scan, and the text beside it where that is no
        text itself.
    """

    scan: Scan
    usable: Mapping[str, pd.DataFrame]
    places: Array
    meant: list[Meant]
    roles: Roles
    written: list[str] | None = None
    beside: list[str] | None = None


def look_as(
    task: str,
    frames: Mapping[str, pd.DataFrame],
    recipe: Recipe,
    progress: Progress = lambda done, total: None,
) -> Taken:
    """Look at rows as those of a task.

    Raises
    ------
    DataError
        When columns are missing, or not one row is usable.
    """
    shape, first = SHAPES[task], next(iter(frames.values()))
    recipe = recipe.model_copy(update={"drop_bad_rows": True} | shape.suited(first, recipe))
    named = {role: name for role in shape.rows.roles if (name := getattr(recipe, role, None))}
    roles = shape.rows.find(first, named).roles
    usable, told = {}, []
    for split, frame in frames.items():
        refuse_missing(split, _columns_of(roles), frame)
        whole = frame.reset_index(drop=True)
        if shape.opened is None:
            usable[split], notice = shape.rows.usable(whole, roles, recipe, split)
        else:
            usable[split], notice = shape.opened(whole, roles, recipe, split, progress)
        told += [notice] if notice else []
    found, meant = _looked_at(shape, usable, progress)
    starts = np.cumsum([0, *map(len, frames.values())])
    parts = [
        rows["row"].to_numpy(dtype=int) + start
        for rows, start in zip(usable.values(), starts, strict=False)
    ]
    places = np.concatenate([*parts, np.empty(0, dtype=int)])
    unusable = np.setdiff1d(np.arange(starts[-1]), places)
    if "image" in roles:
        meant = [_pictured(one, [image for rows in usable.values() for image in rows["image"]])
                 for one in meant]  # fmt: skip
    moved = [_at(one, places) for one in meant if one.check != "unusable"]
    if len(unusable):
        what = mask(f"rows cannot be used: {'; '.join(told)}")
        columns, given = _columns_of(roles), list(frames.values())
        shown = [_shown(given, columns, int(row)) for row in unusable[:SHOWN]]
        moved.insert(0, Meant("unusable", "error", unusable, what, tuple(shown)))
    written = _of_all(shape.written, usable)
    beside = _of_all(shape.beside, usable) if "text" in roles else None
    return Taken(found, usable, places, moved, roles, written, beside)


def _of_all(
    of: Callable[[pd.DataFrame], list[str]] | None, usable: Mapping[str, pd.DataFrame]
) -> list[str] | None:
    return None if of is None else [text for rows in usable.values() for text in of(rows)]


def _looked_at(
    shape: Shape,
    usable: Mapping[str, pd.DataFrame],
    progress: Progress = lambda done, total: None,
    *,
    languages: bool = True,
    most: int | None = None,
) -> tuple[Scan, list[Meant]]:
    """Return rows as a scan sees them, and what is found in them."""
    said = shape.said or shape.rows.texts
    also = {_CALLED: shape.called, _BESIDE: shape.beside}
    parts = {_TEXT: said, _TRUTH: shape.truth} | {k: one for k, one in also.items() if one}
    seen = {
        split: pd.DataFrame({name: of(rows) for name, of in parts.items()}, dtype=object)
        for split, rows in usable.items()
    }
    found = scan(
        seen,
        _TEXT,
        _TRUTH,
        lambda one: clean_text(one, ("control",)),
        progress,
        named=lambda truth: ("", truth),
        also=_BESIDE if shape.beside else None if shape.written is None else _TRUTH,
        most=most,
        called=_CALLED if shape.called else None,
    )
    has_near = shape.has_near and not any("text_pair" in rows for rows in usable.values())
    meant = look(
        found,
        progress,
        languages=languages and shape.called is None,
        has_labels=shape.has_labels,
        has_near=has_near,
        conflict=shape.conflict,
    )
    return found, [*meant, *shape.checks(usable, found.starts)]


def look_before(
    rows: Rows, splits: Mapping[str, pd.DataFrame], recipe: Recipe, most: int
) -> list[Meant]:
    """Return what is found in the rows of a run shortly before it; languages are not guessed.

    Parameters
    ----------
    rows : Rows
        What the task asks of them; nothing is found in rows that are of no known shape.
    most : int
        See `nbtune.data.checks.scan.Scan`.
    """
    if rows.opened is not None:  # what lies in files until it is learnt from is not looked at
        return []
    shape = next(
        (
            one
            for task, one in SHAPES.items()
            if (VARIANTS.get(task, {}).get("task", task)) in (recipe.task, recipe.problem_type)
            and set(rows.inputs) <= set(one.rows.inputs)
            and rows.targets == one.rows.targets
        ),
        None,
    )
    if shape is not None:
        return _looked_at(shape, splits, languages=False, most=most)[1]
    if (rows.inputs, rows.targets) != (LABELLED.inputs, LABELLED.targets):
        return []
    pair = "text_pair" if "text_pair" in splits["train"] else None
    found = scan(splits, "text", "label", lambda one: one, text_pair=pair, most=most)
    return look(found, languages=False)


def _shown(frames: Sequence[pd.DataFrame], columns: Sequence[str], place: int) -> str:
    """Return what stands in some columns of a row, counted over all frames."""
    for frame in frames:
        if place < len(frame):
            return as_given({name: frame[name].iat[place] for name in columns})
        place -= len(frame)
    return ""


def _columns_of(roles: Roles) -> list[str]:
    every = [[one] if isinstance(one, str) else list(one or ()) for one in roles.values()]
    return [name for own in every for name in own]


def _at(one: Meant, places: Array) -> Meant:
    return replace(one, rows=places[np.asarray(one.rows, dtype=int)])


def _pictured(one: Meant, images: Sequence[str]) -> Meant:
    """Return it with small pictures of the rows that are shown."""
    return replace(one, pictures=tuple(thumbnail(images[int(row)]) for row in one.rows[:SHOWN]))
