"""Which task rows are for: what the recipe says of it, then what their columns hold."""

from __future__ import annotations

import pandas as pd

from nbtune.data.chats import are_chats, is_chat
from nbtune.data.checks.numbers import are_numbers
from nbtune.data.checks.shapes import SHAPES, VARIANTS
from nbtune.data.columns import FILE
from nbtune.data.labels import holds_lists
from nbtune.data.liked import columns_of_liked
from nbtune.data.meant import task_meant
from nbtune.data.pictured import image_columns
from nbtune.errors import DataError, did_you_mean
from nbtune.recipe import Recipe

_LOOKED_AT = 200


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
        if recipe.task == "text-generation" and not are_chats(frame, recipe):
            return "language_modelling"
        return _named(recipe) or _of_labelled(frame, recipe)
    if recipe.image is not None or image_columns(frame):
        return "image-classification"
    if recipe.label is None and _are_texts_alone(frame):
        return "language_modelling"
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


def _are_texts_alone(frame: pd.DataFrame) -> bool:
    """Whether nothing stands beside the texts that could be true of them."""
    columns = [name for name in frame if name != FILE]
    if len(columns) != 1:
        return False
    cells = frame[columns[0]].dropna().head(_LOOKED_AT)
    return len(cells) > 0 and all(isinstance(cell, str) for cell in cells)


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
