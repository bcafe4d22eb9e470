"""A recipe: everything that decides a run, validated once, then frozen."""

from nbtune.recipe.compose import Layer, Resolved, compose, overrides, settings_layer
from nbtune.recipe.names import ALIASES, OF_TASKS
from nbtune.recipe.roles import COLUMN_ROLES
from nbtune.recipe.settings import Lora, Recipe
from nbtune.recipe.text import from_yaml, read_file, to_yaml, yaml_layer

__all__ = [
    "ALIASES",
    "COLUMN_ROLES",
    "OF_TASKS",
    "Layer",
    "Lora",
    "Recipe",
    "Resolved",
    "compose",
    "from_yaml",
    "overrides",
    "read_file",
    "settings_layer",
    "to_yaml",
    "yaml_layer",
]
