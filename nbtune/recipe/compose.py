"""Layers of settings, one over the other, become one validated recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from nbtune.errors import RecipeError, did_you_mean, nearest
from nbtune.recipe.names import ALIASES, SWITCHES, TASKS_ELSEWHERE, VALUE_ALIASES
from nbtune.recipe.settings import Recipe

Path = tuple[str, ...]
Problem = tuple[str, str]
"""The setting that something is wrong with, empty for several at once, and what it is."""


@dataclass(frozen=True)
class Layer:
    """Settings from one place.

    ``lines`` gives the line of each setting where the place is a text (from 1), by path:
    ``("lora", "r")``.
    """

    origin: str
    values: Mapping[str, Any]
    lines: Mapping[Path, int] = field(default_factory=dict)

    def where(self, path: Path) -> str:
        """Say where a setting stands: ``cell line 3``, ``--set``."""
        for depth in range(len(path), 0, -1):
            if line := self.lines.get(path[:depth]):
                return f"{self.origin} line {line}"
        return self.origin


@dataclass(frozen=True)
class Resolved:
    """A recipe, and for each setting that was given, where it came from and as what."""

    recipe: Recipe
    origins: Mapping[Path, str]
    renamed: tuple[str, ...] = ()

    def rows(self) -> list[tuple[str, str, str]]:
        """Return (setting, value, origin) of all that was given, in the recipe's order."""
        order = {name: i for i, name in enumerate(Recipe.model_fields)}
        paths = sorted(self.origins, key=lambda path: (order[path[0]], path[1:]))
        return [(".".join(p), str(_look_up(self.recipe, p)), self.origins[p]) for p in paths]


def settings_layer(origin: str, values: Mapping[str, Any]) -> Layer:
    """Make a layer of keyword arguments or of a configuration."""
    return Layer(origin, {key: value for key, value in values.items() if value is not None})


def overrides(pairs: Iterable[str], origin: str = "--set") -> Layer:
    """Read ``key=value`` texts; values are YAML scalars or lists, keys may be ``lora.r``.

    Raises
    ------
    RecipeError
        When a text has no ``=``.
    """
    from nbtune.recipe.text import parse_value

    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise RecipeError(
                f"{origin} {pair}: not a setting", hint=f"write {origin} learning_rate=2e-5"
            )
        values[key.strip()] = parse_value(text.strip(), f"{origin} {key}")
    return Layer(origin, values)


def compose(*layers: Layer, known: Mapping[str, Sequence[str]] | None = None) -> Resolved:
    """Lay settings over each other, later ones on top, and validate the whole once.

    Parameters
    ----------
    known : mapping, optional
        The words that a setting may be, for settings whose words plug-ins add to.

    Raises
    ------
    RecipeError
        Names everything that is wrong: place, value, and the nearest known name.
    """
    values: dict[str, Any] = {}
    origins: dict[Path, Layer] = {}
    problems: list[Problem] = []
    renamed: list[str] = []
    for layer in layers:
        given: dict[Path, str] = {}
        for path, value in _leaves(layer.values):
            canonical, meant = as_meant(path, value)
            where = layer.where(path)
            if canonical[0] not in Recipe.model_fields:
                text = f"{where}: unknown setting {path[0]!r}{_suggest(path[0])}"
                problems.append((".".join(path), text))
                continue
            if earlier := given.get(canonical):
                text = f"{where}: {'.'.join(path)} and {earlier} are the same setting; keep one"
                problems.append((".".join(canonical), text))
                continue
            given[canonical] = ".".join(path)
            if canonical != path:
                renamed.append(f"{'.'.join(path)} is {'.'.join(canonical)}")
            _put(values, canonical, meant)
            origins[canonical] = Layer(layer.origin, {}, _lines_for(layer, path, canonical))
    problems += _unknown_words(values, origins, known or {})
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        problems += [_problem(detail, origins) for detail in error.errors()]
        raise _all(problems) from None
    if problems:
        raise _all(problems)
    return Resolved(recipe, {p: layer.where(p) for p, layer in origins.items()}, tuple(renamed))


def _unknown_words(
    values: Mapping[str, Any], origins: Mapping[Path, Layer], known: Mapping[str, Sequence[str]]
) -> Iterable[Problem]:
    for name, words in known.items():
        value = values.get(name)
        if isinstance(value, str) and value not in words:
            place = origins[(name,)].where((name,))
            yield name, f"{place}: there is no {name} {value!r}; {_instead(name, value, words)}"


def _instead(name: str, word: str, words: Sequence[str]) -> str:
    plain = word.lower().replace("_", "-").replace(" ", "-")
    meant = TASKS_ELSEWHERE.get(plain) if name == "task" else None
    return f"it is called task: {meant}" if meant else did_you_mean(word, words)


def _all(problems: list[Problem]) -> RecipeError:
    text = "\n".join(dict.fromkeys(text for _, text in problems))
    hint = "all settings with their defaults: %finetune --help"
    return RecipeError(text, hint=hint, by_setting=dict(reversed(problems)))


def _leaves(values: Mapping[str, Any]) -> Iterable[tuple[Path, Any]]:
    for key, value in values.items():
        path = tuple(str(key).split("."))
        if isinstance(value, Mapping) and is_group(path[0]):
            for inner, leaf in value.items():
                yield (*path, str(inner)), leaf
        else:
            yield path, value


def is_group(name: str) -> bool:
    """Say whether a setting holds settings of its own, as ``lora`` does."""
    info = Recipe.model_fields.get(name)
    return info is not None and _group(info) is not None


def _group(info: FieldInfo) -> type[BaseModel] | None:
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def canonical_path(path: Path) -> Path:
    """Return what a setting is called here, for the path of any of its names."""
    return as_meant(path, None)[0]


def as_meant(path: Path, value: Any) -> tuple[Path, Any]:
    """Return a setting's own path and what a value means there, whatever a tool calls them."""
    name = ".".join(path)
    if name in SWITCHES and isinstance(value, bool):
        target, meant = SWITCHES[name]
        off: Any = "fp32" if target == "precision" else False
        return tuple(target.split(".")), meant if value else off
    canonical = tuple(ALIASES.get(name, name).split("."))
    try:
        return canonical, VALUE_ALIASES.get((canonical[0], value), value)
    except TypeError:  # a list or a mapping cannot be looked up
        return canonical, value


def _lines_for(layer: Layer, path: Path, canonical: Path) -> dict[Path, int]:
    for depth in range(len(path), 0, -1):
        if line := layer.lines.get(path[:depth]):
            return {canonical: line}
    return {}


def _put(values: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            inner = values[key] = {}
        values = inner
    values[path[-1]] = value


def _look_up(recipe: Recipe, path: Path) -> Any:
    value: Any = recipe
    for key in path:
        value = value[key] if isinstance(value, Mapping) else getattr(value, key)
    return value


def _suggest(name: str, known: Iterable[str] | None = None) -> str:
    names = list(known) if known is not None else [*Recipe.model_fields, *ALIASES, *SWITCHES]
    close = nearest(name, names)
    return f"; did you mean {close!r}?" if close else ""


def _problem(detail: ErrorDetails, origins: Mapping[Path, Layer]) -> Problem:
    path = tuple(str(part) for part in detail["loc"] if isinstance(part, str))
    path = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in origins), path)
    name = ".".join(path)
    place = origins[path].where(path) if path in origins else "recipe"
    if not path:
        return "", f"{place}: {detail['msg'].removeprefix('Value error, ')}"
    if detail["type"] == "extra_forbidden":
        inner = _group(Recipe.model_fields[path[0]])
        known = inner.model_fields if inner and len(path) > 1 else None
        return name, f"{place}: unknown setting {name!r}{_suggest(path[-1], known)}"
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    value = detail["input"]
    return name, f"{place}: {name} is {value!r}; {message}{_choice(path, value)}"


def _choice(path: Path, value: Any) -> str:
    info = Recipe.model_fields.get(path[0])
    if info is None or len(path) > 1 or not isinstance(value, str):
        return ""
    return _suggest(value, choices(info))


def choices(info: FieldInfo) -> list[str]:
    """Return the words that a setting allows, empty when it is not a choice."""
    words: list[str] = []
    stack: list[Any] = [info.annotation]
    while stack:
        for part in get_args(stack.pop()):
            if isinstance(part, str):
                words.append(part)
            else:
                stack.append(part)
    return words
