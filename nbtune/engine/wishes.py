"""What may be asked of a run while it trains, and what a changed setting means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbtune.errors import RecipeError, did_you_mean
from nbtune.recipe import ALIASES, Layer, Recipe, compose

CHANGEABLE = ("learning_rate", "num_train_epochs", "eval_steps", "early_stopping_patience")
"""Settings that may change between two steps; the others decide what a state means."""
IMPLIED = {"num_train_epochs": "max_steps", "eval_steps": "eval_strategy"}
"""Settings that change along with one of them."""


@dataclass(frozen=True)
class Wish:
    """One thing asked of the loop.

    ``action`` is ``pause``, ``resume``, ``stop``, ``save``, ``evaluate`` or ``change``; the last
    has the ``settings`` that change. ``is_new`` is false for what an earlier course was asked.
    """

    action: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_new: bool = True


def changeable(recipe: Recipe) -> dict[str, Any]:
    """Return the settings that may change, as they are."""
    return {name: getattr(recipe, name) for name in CHANGEABLE}


def in_force(recipe: Recipe) -> dict[str, Any]:
    """Return all that a change can touch, as it is."""
    return {name: getattr(recipe, name) for name in (*CHANGEABLE, *IMPLIED.values())}


def differences(before: Recipe, after: Recipe) -> list[tuple[str, Any, Any]]:
    """Return (setting, value, value before) of what changed, in an order to change it in."""
    return [
        (name, getattr(after, name), getattr(before, name))
        for name in CHANGEABLE
        for names in [(name, IMPLIED.get(name, name))]
        if any(getattr(before, n) != getattr(after, n) for n in names)
    ]


def changed(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """Return a recipe with other values for settings that may change while a run trains.

    Epochs replace ``max_steps``; ``eval_steps: null`` goes back to one evaluation an epoch.

    Parameters
    ----------
    settings : mapping
        By name or alias, such as ``lr``.

    Raises
    ------
    RecipeError
        Naming everything that is wrong with them.
    """
    named = {ALIASES.get(name, name): value for name, value in settings.items()}
    if fixed := [name for name in named if name not in CHANGEABLE]:
        known = [*CHANGEABLE, *(name for name, means in ALIASES.items() if means in CHANGEABLE)]
        what = ", ".join(fixed)
        if what in Recipe.model_fields:
            raise RecipeError(
                f"{what} cannot change while a run trains",
                hint=f"these can: {', '.join(CHANGEABLE)}",
            )
        raise RecipeError(f"unknown setting {what!r}", hint=did_you_mean(fixed[0], known))
    if not named:
        raise RecipeError("there is nothing to change", hint="such as: change(learning_rate=1e-5)")
    if "learning_rate" in named and named["learning_rate"] is None:
        raise RecipeError("learning_rate is None; a run needs one", hint="such as: 1e-5")
    implied: dict[str, Any] = {}
    if "num_train_epochs" in named:
        implied["max_steps"] = None
    if "eval_steps" in named:
        implied["eval_strategy"] = "epoch" if named["eval_steps"] is None else "steps"
    own = Layer("recipe", recipe.model_dump(exclude_unset=True))
    return compose(own, Layer("change", {**named, **implied})).recipe
