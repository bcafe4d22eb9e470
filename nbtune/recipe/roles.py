"""The settings of a recipe that name columns, as its declaration has them."""

from __future__ import annotations

from typing import Any, get_args

from nbtune.recipe.settings import Column, Recipe


def _names_columns(annotation: Any) -> bool:
    return annotation == Column or any(map(_names_columns, get_args(annotation)))


COLUMN_ROLES = tuple(
    name for name, info in Recipe.model_fields.items() if _names_columns(info.annotation)
)
"""In the order of the declaration; a task takes some of them."""
