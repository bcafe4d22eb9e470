"""From what somebody wrote to what a run begins with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune import datasets
from nbtune.errors import DataError
from nbtune.jobs.choosing import begin_at_run, fill_in, known_names, source_for, suit
from nbtune.models.sources import ModelSource
from nbtune.recipe import (
    Layer,
    Recipe,
    Resolved,
    compose,
    overrides,
    read_file,
    settings_layer,
    yaml_layer,
)
from nbtune.runs import RunStore

if TYPE_CHECKING:
    from nbtune.data.preparing import PreparedData


@dataclass(frozen=True)
class Beginning:
    """What was asked for, the model that it names, and where runs lie.

    Attributes
    ----------
    recipe : Recipe
        As it was asked for; the name of a run for a model has become the place of its weights.
    """

    asked: Resolved
    recipe: Recipe
    source: ModelSource
    store: RunStore

    def settled(self, **changes: Any) -> Recipe:
        """Return the recipe with these changes, and with all that is left open filled in.

        Raises
        ------
        RecipeError
            As `nbtune.jobs.choosing.fill_in` does.
        """
        return fill_in(self.recipe.model_copy(update=changes), self.source)


def begin(
    recipe: str | Path | Recipe | Resolved | None,
    settings: Mapping[str, Any],
    pairs: Iterable[str] = (),
    *,
    runs_dir: str | Path | None = None,
    name: str = "",
) -> Beginning:
    """Read what was asked for, and find the model that it names.

    Parameters
    ----------
    recipe, settings, pairs
        As for `resolve`.
    name : str
        What the run is to be called.

    Raises
    ------
    RecipeError, ModelError, RunError
        When the recipe is not one, or its model is not to be had.
    """
    asked, store = resolve(recipe, settings, pairs), RunStore(runs_dir)
    named = begin_at_run(asked.recipe, store, name)
    return Beginning(asked, named, source_for(named), store)


def prepared(
    recipe: Recipe, data: Any, validation_data: Any = None, test_data: Any = None
) -> PreparedData:
    """Prepare the rows that are given or, where none are, those that the recipe names.

    Raises
    ------
    DataError, RecipeError
        As `nbtune.data.preparing.prepare` does, and when nothing is given or named.
    """
    from nbtune.data.preparing import prepare

    return prepare(
        recipe,
        _named_or_refused(recipe.data) if data is None else data,
        recipe.validation_data if validation_data is None else validation_data,
        recipe.test_data if test_data is None else test_data,
        suit=suit,
    )


def resolve(
    recipe: str | Path | Recipe | Resolved | None,
    settings: Mapping[str, Any],
    pairs: Iterable[str] = (),
) -> Resolved:
    """Lay keyword settings and ``key=value`` texts over a recipe, and validate the whole.

    Raises
    ------
    RecipeError
        Names everything that is wrong.
    """
    if isinstance(recipe, Resolved):
        return recipe
    return compose(
        _layer_of(recipe),
        settings_layer("argument", settings),
        overrides(pairs, "set"),
        known=known_names(),
    )


def _layer_of(recipe: str | Path | Recipe | None) -> Layer:
    if recipe is None:
        return Layer("recipe", {})
    if isinstance(recipe, Recipe):
        return Layer("recipe", recipe.model_dump(exclude_unset=True))
    is_file = isinstance(recipe, Path) or (
        "\n" not in recipe and recipe.endswith((".yaml", ".yml"))
    )
    return read_file(recipe) if is_file else yaml_layer(str(recipe), "recipe")


def where_from(named: str | None, given: Any) -> str:
    """Say which of the things that a name could mean was taken."""
    source = named if given is None else given
    if source is None or (named is None and not isinstance(source, str | Path)):
        return ""
    if not isinstance(source, str | Path):
        return f"data: {named} is a {type(source).__name__} of this notebook"
    if Path(source).exists():
        return f"data: {source} is a {'folder' if Path(source).is_dir() else 'file'} here"
    ours = source in datasets.names()
    return f"data: {source} {'ships with nbtune' if ours else 'is looked for on the hub'}"


def _named_or_refused(named: str | None) -> str:
    if named is None:
        raise DataError(
            "there are no rows to learn from", hint="name them: data: train_df, or --data train_df"
        )
    return named
