"""Changes one setting in a recipe's text and leaves all else in it as it was written."""

from __future__ import annotations

import io
from collections.abc import Mapping, MutableMapping
from typing import Any

from ruamel.yaml import YAML

from nbtune.recipe.compose import as_meant, canonical_path, is_group
from nbtune.recipe.text import parse_value, yaml_layer

Path = tuple[str, ...]


def as_typed(text: str) -> dict[str, str]:
    r"""Return the value of each setting in a recipe's text, as it would be typed.

    Parameters
    ----------
    text : str
        YAML, as in a cell.

    Returns
    -------
    dict
        By the setting's own name, such as ``learning_rate`` or ``lora.r``, whatever name the
        text has for it.

    Raises
    ------
    RecipeError
        When the text is not a recipe.

    Examples
    --------
    >>> as_typed("lr: 2e-5\nlora: {r: 4}")
    {'learning_rate': '2e-5', 'lora.r': '4'}
    >>> as_typed("bf16: true")
    {'precision': 'bf16'}
    """
    yaml_layer(text)
    meant = (as_meant(path, value) for _, _, path, value in _entries(_load(text)))
    return {".".join(path): _one_line(value) for path, value in meant}


def put(text: str, setting: str, value: str) -> str:
    """Return a recipe's text with one setting changed; an empty value takes it out.

    Comments, order and the name that the text has for the setting stay.

    Parameters
    ----------
    setting : str
        Its own name, such as ``learning_rate`` or ``lora.r``.
    value : str
        As typed: YAML in one line.

    Raises
    ------
    RecipeError
        When the text is not a recipe, or the value not YAML.

    Examples
    --------
    >>> print(put("lr: 2e-5  # from the paper", "learning_rate", "1e-4"), end="")
    lr: 1e-4  # from the paper
    """
    yaml_layer(text)
    parse_value(value, setting)
    recipe = _load(text)
    wanted = tuple(setting.split("."))
    there = [entry for entry in _entries(recipe) if as_meant(*entry[2:])[0] == wanted]
    holders = [(at, key) for at, key, path, _ in there if canonical_path(path) == wanted]
    for at, key, path, _ in there:
        if canonical_path(path) != wanted:  # a switch such as bf16: true has no room for a value
            del at[key]
    if value.strip():
        at, key = holders[0] if holders else _new_place(recipe, wanted)
        at[key] = _round_trip().load(f"value: {value}")["value"]
    else:
        for at, key in holders:
            del at[key]
        group = wanted[0]
        if is_group(group) and recipe.get(group) == {}:
            del recipe[group]
    return _dump(recipe)


def _entries(recipe: Any) -> list[tuple[Any, str, Path, Any]]:
    """Return (mapping, key, path, value) of all that is set, groups opened."""
    found = []
    for key, value in recipe.items():
        path = tuple(str(key).split("."))
        if isinstance(value, Mapping) and is_group(path[0]):
            found += [(value, inner, (*path, str(inner)), leaf) for inner, leaf in value.items()]
        else:
            found.append((recipe, key, path, value))
    return found


def _new_place(recipe: MutableMapping[str, Any], path: Path) -> tuple[Any, str]:
    at = recipe
    for group in path[:-1]:
        at = at.setdefault(group, _round_trip().map())
    return at, path[-1]


def _one_line(value: Any) -> str:
    if value is None:
        return "null"
    stream = io.StringIO()
    yaml = _round_trip()
    yaml.default_flow_style = True
    yaml.dump([value], stream)
    return stream.getvalue().strip()[1:-1].strip()


def _round_trip() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 10_000
    return yaml


def _load(text: str) -> Any:
    found = _round_trip().load(text)
    return _round_trip().map() if found is None else found


def _dump(recipe: Any) -> str:
    if not recipe:
        return ""
    stream = io.StringIO()
    yaml = _round_trip()
    yaml.dump(recipe, stream)
    return stream.getvalue()
