"""Recipes as text: a small, strict part of YAML 1.2, read with line numbers and written back."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from nbtune.errors import RecipeError
from nbtune.recipe.compose import Layer, Resolved, compose
from nbtune.recipe.settings import Recipe

LONGEST_BYTES = 64 * 1024
DEEPEST = 20
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
)


def yaml_layer(text: str, origin: str = "cell", first_line: int = 1) -> Layer:
    """Read a recipe text as a layer of settings.

    Parameters
    ----------
    text : str
        YAML: one mapping of settings, no tags, anchors or aliases.
    origin : str
        What errors call this text: ``cell``, ``recipe.yaml``.
    first_line : int
        Number of the text's first line; 2 for the body of a cell, below its magic.

    Raises
    ------
    RecipeError
        When the text is not such YAML, with the line.
    """
    if len(text.encode(errors="replace")) > LONGEST_BYTES:
        raise RecipeError(
            f"{origin}: the recipe is longer than 64 kB", hint="keep data out of the recipe"
        )
    node = _compose_node(text, origin, first_line)
    if node is None:
        return Layer(origin, {})
    _refuse_tricks(node, origin, first_line)
    if not isinstance(node, MappingNode):
        raise RecipeError(
            f"{origin}: a recipe is a list of 'setting: value' lines",
            hint="for example\n    model: minilm\n    learning_rate: 2e-5",
        )
    values = _load(text, origin, first_line)
    return Layer(origin, values, dict(_lines(node, first_line)))


def from_yaml(text: str, origin: str = "recipe") -> Recipe:
    """Read and validate a recipe; `to_yaml` is the way back."""
    return compose(yaml_layer(text, origin)).recipe


def read_file(path: str | Path) -> Layer:
    """Read a recipe file.

    Raises
    ------
    RecipeError
        When there is no such file, it is not text, or it is not a recipe.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = sorted(p.name for p in file.parent.glob("*.y*ml"))
        hint = f"recipes there: {', '.join(near)}" if near else "check the path"
        raise RecipeError(f"there is no recipe file {str(path)!r}", hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the recipe {str(path)!r}: {error}") from None
    layer = yaml_layer(text, file.name)
    if dynamic := [value for value in _scalars(layer.values) if value.startswith("${")]:
        raise RecipeError(
            f"{file.name}: {dynamic[0]!r} would run code from a file",
            hint="give it on the line instead: --set setting='${...}'",
        )
    return layer


def to_yaml(recipe: Recipe, *, defaults: bool = False) -> str:
    """Write a recipe as text that reads back as the same recipe.

    Only the settings that differ from their default are written, unless ``defaults``.
    """
    values = recipe.model_dump(mode="json", exclude_defaults=not defaults)
    stream = io.StringIO()
    _yaml().dump(values, stream)
    return stream.getvalue() if values else ""


def to_text(resolved: Resolved) -> str:
    """Write a recipe with the place each setting came from as a comment."""
    lines = []
    for line in to_yaml(resolved.recipe).splitlines():
        name = re.match(r"\w+", line)
        origin = resolved.origins.get((name[0],)) if name else None
        lines.append(f"{line}  # {origin}" if origin else line)
    return "\n".join(lines) + "\n" if lines else ""


def parse_value(text: str, origin: str) -> Any:
    """Read one YAML value, as after ``key:``; an empty text is null."""
    node = _compose_node(text, origin, 1)
    if node is not None:
        _refuse_tricks(node, origin, 1)
    return _load(text, origin, 1)


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 10_000
    yaml.allow_unicode = True
    return yaml


def _compose_node(text: str, origin: str, first_line: int) -> Node | None:
    try:
        return _yaml().compose(io.StringIO(text))  # type: ignore[no-any-return]
    except (YAMLError, RecursionError, ValueError) as error:
        raise _syntax_error(error, origin, first_line) from None


def _load(text: str, origin: str, first_line: int) -> Any:
    try:
        return _yaml().load(text)
    except (YAMLError, RecursionError, ValueError) as error:
        raise _syntax_error(error, origin, first_line) from None


def _syntax_error(error: Exception, origin: str, first_line: int) -> RecipeError:
    mark = getattr(error, "problem_mark", None)
    where = f"{origin} line {mark.line + first_line}" if mark else origin
    problem = error.problem if isinstance(error, MarkedYAMLError) else str(error)
    if isinstance(error, RecursionError):
        problem = "brackets are nested too deep"
    first = str(problem or "not valid YAML").splitlines()[0]
    return RecipeError(f"{where}: {first}", hint="write one 'setting: value' a line")


def _refuse_tricks(node: Node, origin: str, first_line: int) -> None:
    """Refuse anchors, aliases, tags and depth: nothing in a recipe needs them."""
    seen: set[int] = set()
    stack = [(node, 0)]
    while stack:
        current, depth = stack.pop()
        where = f"{origin} line {current.start_mark.line + first_line}"
        if depth > DEEPEST:
            raise RecipeError(f"{where}: brackets are nested too deep")
        if id(current) in seen or current.anchor:
            raise RecipeError(f"{where}: anchors (&) and aliases (*) are not allowed")
        if str(current.tag) not in _PLAIN_TAGS:
            raise RecipeError(f"{where}: tags (!) are not allowed")
        seen.add(id(current))
        stack += [(child, depth + 1) for child in _children(current)]


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def _lines(
    node: MappingNode, first_line: int, above: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], int]]:
    found = []
    for key, value in node.value:
        if isinstance(key, ScalarNode):
            path = (*above, *str(key.value).split("."))
            found.append((path, key.start_mark.line + first_line))
            if isinstance(value, MappingNode):
                found += _lines(value, first_line, path)
    return found


def _scalars(values: Any) -> list[str]:
    if isinstance(values, Mapping):
        return [text for inner in values.values() for text in _scalars(inner)]
    if isinstance(values, list | tuple):
        return [text for inner in values for text in _scalars(inner)]
    return [values] if isinstance(values, str) else []
