"""What a form that writes a recipe asks about the notebook around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbtune import api
from nbtune.errors import DataError, NbtuneError, RecipeError
from nbtune.jobs.choosing import known_names, model_of
from nbtune.magics.completion import values_of
from nbtune.magics.variables import DATA_SETTINGS, columns_here, find_rows
from nbtune.panels.recipe_form import Surroundings
from nbtune.recipe import COLUMN_ROLES, OF_TASKS, Recipe
from nbtune.tasks import task_of

FULL_TRAINING = 4
"""Weights, their gradients and two moments of Adam: so many times the weights, without batches."""


def surroundings(namespace: Mapping[str, Any]) -> Surroundings:
    """Return what a form may ask about the notebook."""
    return Surroundings(
        words=lambda setting, text: values_of(setting, text, namespace),
        known=known_names(),
        roles=_roles,
        look=lambda recipe: dict(_wrong_here(recipe, namespace)),
        facts=lambda recipe: list(_facts(recipe, namespace)),
        estimate=lambda recipe, show: _cost(recipe, namespace, show),
    )


def _roles(recipe: Recipe) -> list[str]:
    """Return the columns that rows of this task can have; of chats also those of plain texts."""
    own = task_of(recipe).rows.roles
    return [role for role in COLUMN_ROLES if role in own or recipe.task in OF_TASKS.get(role, ())]


def _wrong_here(recipe: Recipe, namespace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from nbtune.methods import find_method

    for setting in DATA_SETTINGS:
        if name := getattr(recipe, setting):
            try:
                find_rows(name, namespace, setting)
                if setting == "data":
                    yield from _wrong_columns(recipe, columns_here(name, namespace))
            except NbtuneError as error:
                yield setting, str(error)
    try:
        source = model_of(recipe)
    except NbtuneError as error:
        yield "model", str(error)
        return
    try:
        find_method(recipe.method).check(recipe.model_copy(update={"model": source.name}))
    except RecipeError as error:
        yield "method", str(error)


def _wrong_columns(recipe: Recipe, columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Look for the columns that are named, where it is known which ones there are."""
    for role in COLUMN_ROLES:
        wanted = getattr(recipe, role) or ()
        names = [wanted] if isinstance(wanted, str) else wanted
        if columns and (missing := [name for name in names if name not in columns]):
            what = ", ".join(map(repr, missing))
            yield role, f"{role}: the data has no column {what}, but {', '.join(columns)}"


def _facts(recipe: Recipe, namespace: Mapping[str, Any]) -> Iterator[str]:
    if recipe.data is not None:
        rows = find_rows(recipe.data, namespace)
        if hasattr(rows, "columns") and hasattr(rows, "__len__"):
            yield _about_rows(recipe, rows)
    yield _about_model(recipe)


def _cost(recipe: Recipe, namespace: Mapping[str, Any], show: Callable[[str], None]) -> str:
    """Return what training would take, in time, memory and disk, as HTML."""
    given = {
        name: find_rows(value, namespace, name)
        for name in DATA_SETTINGS
        if (value := getattr(recipe, name)) is not None
    }
    return api.estimate(recipe=recipe, display=show, **given).html


def _about_rows(recipe: Recipe, frame: Any) -> str:
    from nbtune.data.columns import infer_columns

    told = f"{recipe.data}: {len(frame):,} rows"
    if recipe.task != "text-classification" or isinstance(recipe.label, tuple):
        return told
    try:
        columns = infer_columns(frame, recipe.text, recipe.label)
    except DataError as error:
        return f"{told}; {error.problem}"
    labels = frame[columns.label].astype(str).nunique()  # lists of labels cannot be counted
    return f"{told}, text from {columns.text!r}, {labels:,} labels from {columns.label!r}"


def _about_model(recipe: Recipe) -> str:
    import psutil

    from nbtune.panels.html import size

    source = model_of(recipe)
    if source.kind == "scratch":
        return f"model: {source.name}, a small one that starts from nothing"
    if source.kind == "hub":
        return f"model: {source.name}, from the hub when it trains"
    weights = sum(file.stat().st_size for file in Path(source.location).glob("*.safetensors"))
    free = psutil.virtual_memory().available
    need = weights * (FULL_TRAINING if recipe.method == "full" else 1)
    enough = "" if need < free else ", which is too little"
    return (
        f"model: {source.name}, {size(weights)} of weights; training takes {size(need)} for it and "
        f"more for the batches, {size(free)} are free{enough}"
    )
