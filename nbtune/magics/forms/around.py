"""What a form that writes a recipe asks about the notebook around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from nbtune import api
from nbtune.errors import DataError, NbtuneError, RecipeError
from nbtune.jobs.choosing import known_names, model_of
from nbtune.magics.completion import values_of
from nbtune.magics.forms.reckoning import reckon
from nbtune.magics.forms.room import about_model
from nbtune.magics.variables import DATA_SETTINGS, columns_here, find_rows
from nbtune.panels.recipe_form import Surroundings
from nbtune.recipe import COLUMN_ROLES, OF_TASKS, Recipe
from nbtune.runs import RunStore
from nbtune.tasks import task_of


def surroundings(namespace: Mapping[str, Any], runs_dir: str | None = None) -> Surroundings:
    """Return what a form may ask about the notebook, and about the runs beside it."""
    return Surroundings(
        words=lambda setting, text: values_of(setting, text, namespace),
        known=known_names(),
        roles=_roles,
        look=lambda recipe: dict(_wrong_here(recipe, namespace)),
        facts=lambda recipe: dict(_facts(recipe, namespace)),
        reckon=lambda recipe: reckon(recipe, namespace, RunStore(runs_dir)),
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


def _facts(recipe: Recipe, namespace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    with suppress(NbtuneError):  # what is wrong with it stands there already
        if recipe.data is not None:
            rows = find_rows(recipe.data, namespace)
            if hasattr(rows, "columns") and hasattr(rows, "__len__"):
                yield "data", _about_rows(recipe, rows)
    with suppress(NbtuneError):
        source = model_of(recipe)
        named = "" if recipe.model else f"{source.name}: "
        if told := about_model(recipe, source):
            yield "model", named + told


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

    told = f"{len(frame):,} rows"
    if recipe.task != "text-classification" or isinstance(recipe.label, tuple):
        return told
    try:
        columns = infer_columns(frame, recipe.text, recipe.label)
    except DataError as error:
        return f"{told}; {error.problem}"
    labels = frame[columns.label].astype(str).nunique()  # lists of labels cannot be counted
    return f"{told}, text from {columns.text!r}, {labels:,} labels from {columns.label!r}"
