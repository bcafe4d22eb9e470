"""Rows of other tasks than one label a text, as a scan sees them: what each says, what is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.chats import CHATS, is_chat
from nbtune.data.checks import truths
from nbtune.data.checks.found import SHOWN, Meant, as_given, look
from nbtune.data.checks.numbers import are_numbers
from nbtune.data.checks.personal import mask
from nbtune.data.checks.scan import Scan, refuse_missing, scan
from nbtune.data.cleaning import clean_text
from nbtune.data.labels import MANY_LABELLED, holds_lists, separator_of
from nbtune.data.liked import LIKED, columns_of_liked
from nbtune.data.meant import task_meant
from nbtune.data.numbers import NUMBERED
from nbtune.data.preferences import PREFERENCES
from nbtune.data.questions import ASKED
from nbtune.data.relations import RELATED, ends_are_last
from nbtune.data.rewritten import REWRITTEN
from nbtune.data.rows import Roles, Rows
from nbtune.data.spans import OUTSIDE, type_of
from nbtune.data.tagged import TAGGED, word_splitting_of
from nbtune.data.texts import LABELLED
from nbtune.errors import DataError, did_you_mean
from nbtune.events import Progress
from nbtune.recipe import Recipe

Array = np.ndarray[Any, Any]
_TEXT, _TRUTH = "text", "true"


@dataclass(frozen=True)
class Shape:
    """What rows of a task are looked through for.

    Attributes
    ----------
    said, truth : callable
        Usable rows to what each says, and to what is true of it, as texts.
    names : callable, optional
        Usable rows to the labels of each, which are counted.
    checks : callable
        (usable rows by split, where each split begins) to what only such rows can have wrong.
    conflict : tuple of str
        How grave it is that the same text has another truth too, and what that is called.
    has_near : bool
        Whether texts that are almost the same say almost the same; questions about one context are
        not.
    written : callable, optional
        Usable rows to what a model is to write of each.
    is_apart : bool
        Whether that has a limit on its tokens of its own; else it follows what is said.
    suited : callable
        (frame, recipe) to the recipe with what reading the rows asks for.
    """

    rows: Rows
    truth: Callable[[pd.DataFrame], list[str]]
    conflict: tuple[str, str]
    checks: Callable[[Mapping[str, pd.DataFrame], Mapping[str, int]], Iterator[Meant]]
    said: Callable[[pd.DataFrame], list[str]] | None = None
    names: Callable[[pd.DataFrame], list[Sequence[str]]] | None = None
    has_near: bool = True
    written: Callable[[pd.DataFrame], list[str]] | None = None
    is_apart: bool = False
    suited: Callable[[pd.DataFrame, Recipe], dict[str, Any]] = field(
        default=lambda frame, recipe: {}
    )


def _several(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    if recipe.label_separator is not None or isinstance(recipe.label, tuple):
        return {}
    label = recipe.label or next((name for name in ("labels", "label") if name in frame), None)
    return {} if label is None else {"label_separator": separator_of(frame[label])}


def _related(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    named = {role: name for role in RELATED.roles if (name := getattr(recipe, role, None))}
    roles = RELATED.find(frame, named).roles
    if recipe.span_ends is not None or "tokens" not in roles:
        return {}
    return {"span_ends": "inclusive" if ends_are_last(frame, roles) else "exclusive"}


def _types(rows: pd.DataFrame) -> list[Sequence[str]]:
    """Return the types of the spans of each row, one for each span."""
    return [
        [type_of(tag) for tag in tags if tag != OUTSIDE and not tag.startswith("I-")]
        for tags in rows["tags"]
    ]


_REWRITTEN = Shape(
    REWRITTEN,
    said=lambda rows: list(rows["source"]),
    truth=lambda rows: list(rows["target"]),
    conflict=("info", "rows have a source that has other targets too"),
    checks=truths.of_rewritten,
    written=lambda rows: list(rows["target"]),
    is_apart=True,
)
SHAPES: dict[str, Shape] = {
    "question-answering": Shape(
        ASKED,
        truth=lambda rows: [" / ".join(sorted(set(own))) or "no answer" for own in rows["answers"]],
        conflict=("warning", "rows have a question about a context that has other answers too"),
        checks=truths.of_answers,
        has_near=False,
    ),
    "token-classification": Shape(
        TAGGED,
        truth=lambda rows: [" ".join(tags) for tags in rows["tags"]],
        conflict=("error", "rows have a text that has other tags too"),
        checks=truths.of_tags,
        names=_types,
        suited=lambda frame, recipe: {"word_splitting": word_splitting_of(frame, recipe)},
    ),
    "preference-tuning": Shape(
        PREFERENCES,
        said=CHATS.texts,
        truth=lambda rows: [
            "\n".join(pair) for pair in zip(rows["chosen"], rows["rejected"], strict=True)
        ],
        conflict=("info", "rows have a prompt that other rows have too, with other answers"),
        checks=truths.of_preferences,
        written=lambda rows: [
            max(pair, key=len) for pair in zip(rows["chosen"], rows["rejected"], strict=True)
        ],
    ),
    "liked-answers": Shape(
        LIKED,
        said=CHATS.texts,
        truth=lambda rows: list(rows["completion"]),
        conflict=("info", "rows have a prompt that other rows have too, with other answers"),
        checks=truths.of_liked,
        names=lambda rows: [(one,) for one in LIKED.strata(rows)],
        written=lambda rows: list(rows["completion"]),
        suited=columns_of_liked,
    ),
    "text-generation": Shape(
        CHATS,
        said=truths.asked,
        truth=truths.answered,
        conflict=("info", "chats have prompts that other chats answer otherwise"),
        checks=truths.of_chats,
        written=truths.answered,
    ),
    "summarization": _REWRITTEN,
    "translation": _REWRITTEN,
    "text2text-generation": _REWRITTEN,
    "relation-extraction": Shape(
        RELATED,
        truth=lambda rows: list(rows["label"]),
        conflict=("error", "rows have the same spans of a text in another relation too"),
        checks=truths.of_relations,
        names=RELATED.labels_of,
        has_near=False,
        suited=_related,
    ),
    "multi_label_classification": Shape(
        MANY_LABELLED,
        truth=lambda rows: [", ".join(labels) or "none" for labels in rows["label"]],
        conflict=("error", "rows have a text that has other labels too"),
        checks=truths.of_labels,
        names=MANY_LABELLED.labels_of,
        suited=_several,
    ),
    "regression": Shape(
        NUMBERED,
        truth=lambda rows: [f"{number:.6g}" for number in rows["label"]],
        conflict=("warning", "rows have a text that has another number too"),
        checks=lambda frames, starts: iter(()),
    ),
}
"""By task; several labels a text, and numbers, by their problem type; and answers one by one."""
VARIANTS: dict[str, dict[str, Any]] = {
    "multi_label_classification": {"problem_type": "multi_label_classification"},
    "regression": {"problem_type": "regression"},
    "liked-answers": {"task": "preference-tuning", "loss_type": "kto"},
}
"""What a recipe says of shapes that are no task of their own."""


def shape_of(frame: pd.DataFrame, recipe: Recipe) -> str:
    """Return the task that rows are for, where it is not one label a text; else nothing.

    What the recipe says counts; then what the columns are called and hold.

    Raises
    ------
    DataError
        When there is no such task, or its rows are not looked at.
    """
    if recipe.problem_type in SHAPES:
        return str(recipe.problem_type)
    is_meant = recipe.task if "task" in recipe.model_fields_set else task_meant(frame)
    if is_meant == "preference-tuning" and columns_of_liked(frame, recipe):
        return "liked-answers"
    if "task" in recipe.model_fields_set:
        return _named(recipe) or _of_labelled(frame, recipe)
    if recipe.model_fields_set & {"text", "label"}:
        return _of_labelled(frame, recipe)
    if (meant := task_meant(frame)) is not None:
        return meant
    if is_chat(frame, {}):
        return "text-generation"
    lists = next((name for name in ("labels", "label") if name in frame), None)
    if lists is not None and holds_lists(frame[lists]):
        return "multi_label_classification"
    return _of_labelled(frame, recipe)


def _of_labelled(frame: pd.DataFrame, recipe: Recipe) -> str:
    """Return what texts with something beside them are for, where it is not a label."""
    label = recipe.label if isinstance(recipe.label, str) else None
    is_asked = recipe.problem_type is not None or isinstance(recipe.label, tuple)
    return "regression" if not is_asked and are_numbers(frame, recipe.text, label) else ""


def _named(recipe: Recipe) -> str:
    if recipe.task == "text-classification":
        return ""
    if recipe.task not in SHAPES:
        known = [name for name in SHAPES if name not in VARIANTS]
        raise DataError(
            f"rows for {recipe.task} are not looked at",
            hint=did_you_mean(recipe.task, ["text-classification", *known]),
        )
    return recipe.task


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
    written : list of str, optional
        What a model is to write of each row of the scan.
    """

    scan: Scan
    usable: Mapping[str, pd.DataFrame]
    places: Array
    meant: list[Meant]
    roles: Roles
    written: list[str] | None = None


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
        usable[split], notice = shape.rows.usable(whole, roles, recipe, split)
        told += [notice] if notice else []
    found, meant = _looked_at(shape, usable, progress)
    starts = np.cumsum([0, *map(len, frames.values())])
    parts = [
        rows["row"].to_numpy(dtype=int) + start
        for rows, start in zip(usable.values(), starts, strict=False)
    ]
    places = np.concatenate([*parts, np.empty(0, dtype=int)])
    unusable = np.setdiff1d(np.arange(starts[-1]), places)
    moved = [_at(one, places) for one in meant if one.check != "unusable"]
    if len(unusable):
        what = mask(f"rows cannot be used: {'; '.join(told)}")
        columns, given = _columns_of(roles), list(frames.values())
        shown = [_shown(given, columns, int(row)) for row in unusable[:SHOWN]]
        moved.insert(0, Meant("unusable", "error", unusable, what, tuple(shown)))
    written = None
    if shape.written is not None:
        written = [text for rows in usable.values() for text in shape.written(rows)]
    return Taken(found, usable, places, moved, roles, written)


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
    seen = {
        split: pd.DataFrame({_TEXT: said(rows), _TRUTH: shape.truth(rows)}, dtype=object)
        for split, rows in usable.items()
    }
    found = scan(
        seen,
        _TEXT,
        _TRUTH,
        lambda one: clean_text(one, ("control",)),
        progress,
        named=lambda truth: ("", truth),
        also=None if shape.written is None else _TRUTH,
        most=most,
    )
    has_near = shape.has_near and not any("text_pair" in rows for rows in usable.values())
    meant = look(
        found,
        progress,
        languages=languages,
        has_labels=False,
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
    shape = next(
        (
            one
            for task, one in SHAPES.items()
            if (VARIANTS.get(task, {}).get("task", task)) in (recipe.task, recipe.problem_type)
            and (one.rows.inputs, one.rows.targets) == (rows.inputs, rows.targets)
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
    rows = places[np.asarray(one.rows, dtype=int)]
    return Meant(one.check, one.severity, rows, one.what, one.examples, one.fix)
