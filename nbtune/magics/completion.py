"""Tab completion inside the magics: options, choices, variables, runs, settings, columns."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbtune.runs import RunFolder

Namespace = Mapping[str, Any]
_MAGIC = re.compile(r"^\s*(?:[\w.]+\s*=\s*)?(%%?)(\w+)(?:\s+|$)")
_ROWS = ("data", "validation_data", "test_data")
_TAKES_SEVERAL = ("compare",)
_ASKS_ABOUT_ROWS = ("predict", "explain")
_IDENTIFIER = "nbtune.magics.completion"


@dataclass(frozen=True)
class Place:
    """Where the cursor is.

    Attributes
    ----------
    magic : str
        The magic whose line or cell it is in, as its parser is called.
    before : str
        The line up to the cursor, without the magic's own name on its first line.
    cell : str
        The whole cell.
    above : str
        Its lines above the cursor's.
    in_body : bool
        Whether it is below the magic's line.
    """

    magic: str
    before: str
    cell: str
    above: str
    in_body: bool


def complete(place: Place, namespace: Namespace) -> tuple[str, list[str]]:
    """Return what has been typed of a word, and the words that it could become."""
    if place.in_body:
        has_recipe = place.magic in ("finetune", "estimate", "nbtune lr_find")
        typed, words = _in_recipe(place, namespace) if has_recipe else ("", [])
    else:
        typed, words = _on_line(place, namespace)
    return typed, [word for word in words if word.startswith(typed)]


def find_place(text: str, line_number: int, column: int) -> Place | None:
    """Say which magic the cursor is in, None when it is in none of ours."""
    from nbtune.magics.parsers import PARSERS, parser_of

    lines = text.split("\n")
    before, above = lines[line_number][:column], "\n".join(lines[:line_number])
    own = _MAGIC.match(before)
    if own and own[2] in PARSERS:
        rest = before[own.end() :]
        return Place(parser_of(own[2], rest)[0], rest, text, above, in_body=False)
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    magic = _MAGIC.match(lines[first])
    if magic and magic[1] == "%%" and magic[2] in PARSERS and line_number > first:
        name, _ = parser_of(magic[2], lines[first][magic.end() :])
        return Place(name, before, text, above, in_body=True)
    return None


def _on_line(place: Place, namespace: Namespace) -> tuple[str, list[str]]:
    from nbtune.magics.parsers import PARSERS

    parser = PARSERS[place.magic]()
    words = place.before.split(" ")
    typed = words[-1]
    option, equals, value = typed.partition("=")
    if typed.startswith("--") and equals:
        return value, _values_of_option(option, place, namespace)
    if typed.startswith("-"):
        return typed, parser.options()
    given = [word for word in words[:-1] if word]
    if given and given[-1].startswith("--") and not parser.is_switch(given[-1]):
        if given[-1] == "--set" and "=" in typed:
            return value, values_of(option, place.cell, namespace)
        return typed, _values_of_option(given[-1], place, namespace)
    if place.magic in _ASKS_ABOUT_ROWS and len(given) == 1:
        return typed, frames_here(namespace)
    takes_more = not given or place.magic in _TAKES_SEVERAL
    return typed, _positional(place.magic, namespace) if takes_more else []


def _positional(magic: str, namespace: Namespace) -> list[str]:
    if magic.split()[0] == "nbtune":
        return ["cell", "doctor", "lr_find", "methods", "panel", "version"]
    return rows_here(namespace) if magic == "data" else run_names(namespace)


def _values_of_option(option: str, place: Place, namespace: Namespace) -> list[str]:
    from nbtune.magics.parsers import PARSERS
    from nbtune.recipe import Recipe

    name = option.removeprefix("--").replace("-", "_")
    if name == "set":
        return [f"{setting}=" for setting in Recipe.model_fields]
    if name == "recipe":
        return sorted(str(path) for path in Path().glob("**/*.y*ml") if len(path.parts) < 4)
    if name == "threshold":
        from nbtune.records.thresholds import EXAMPLES

        return list(EXAMPLES)
    if name == "sort":
        from nbtune.panels.runs import COLUMNS
        from nbtune.records import SCORES

        return [*(column for column in COLUMNS if column != "settings"), *SCORES]
    if name == "label" and place.magic == "explain":
        return [shlex.quote(label) for label in _folder(place, namespace).about["labels"]]
    if name == "metric":
        return _scores(place, namespace)
    return PARSERS[place.magic]().choices(option) or values_of(name, place.cell, namespace)


def _folder(place: Place, namespace: Namespace) -> RunFolder:
    """Return the folder of the run that the line names first."""
    from nbtune.magics.variables import is_run
    from nbtune.runs import RunStore

    word = place.before.split(" ")[0]
    value: Any = namespace.get(word)
    is_here = value is not None and is_run(value)
    return value.folder if is_here else RunStore(_runs_dir(namespace)).get(word)


def _scores(place: Place, namespace: Namespace) -> list[str]:
    """Return the scores by which the run that the line names was looked at."""
    from nbtune.events import BestScored, Evaluated

    events = (event for _, event in _folder(place, namespace).history())
    looks = [event for event in events if isinstance(event, BestScored | Evaluated)]
    return list(dict.fromkeys(name for event in looks for name in event.scores))


def _in_recipe(place: Place, namespace: Namespace) -> tuple[str, list[str]]:
    from nbtune.recipe import Recipe

    key = re.match(r"^(\s*)([\w.]*)$", place.before)
    if key:
        names = _names_under(place) if key[1] else Recipe.model_fields
        return key[2], [f"{name}: " for name in names]
    value = re.match(r"^\s*([\w.]+):\s+(\S*)$", place.before)
    return (value[2], values_of(value[1], place.cell, namespace)) if value else ("", [])


def _names_under(place: Place) -> Iterable[str]:
    """Return the names that the setting above the indented ones takes."""
    from nbtune.recipe import Lora
    from nbtune.recipe.schedules import SCHEDULES, options_of

    parents = re.findall(r"^(\w+):\s*(?:#.*)?$", place.above, re.MULTILINE)
    if parents[-1:] != ["lr_scheduler_kwargs"]:
        return Lora.model_fields
    kind = re.search(r"^lr_scheduler_type:\s*(\w+)", place.cell, re.MULTILINE)
    named = kind[1] if kind else "linear"
    return options_of(named).model_fields if named in SCHEDULES else ()


def values_of(name: str, cell: str, namespace: Namespace) -> list[str]:
    """Return words that a setting could be: choices, names of models, frames, columns."""
    from nbtune.recipe import ALIASES, COLUMN_ROLES, Lora, Recipe
    from nbtune.recipe.compose import choices

    setting = ALIASES.get(name, name)
    if setting in _ROWS:
        return rows_here(namespace)
    if words := _KNOWN.get(setting):
        return [*words(), *(run_names(namespace) if setting == "model" else ())]
    if setting in COLUMN_ROLES:
        return _columns(cell, namespace)
    info = Recipe.model_fields.get(setting) or Lora.model_fields.get(setting.removeprefix("lora."))
    if info is None:
        return []
    return ["true", "false"] if info.annotation is bool else choices(info)


def _models() -> Iterable[str]:
    from nbtune.models.sources import BUILTIN

    return BUILTIN


def _methods() -> Iterable[str]:
    from nbtune.methods import method_names

    return method_names()


def _tasks() -> Iterable[str]:
    from nbtune.tasks import task_names

    return task_names()


_KNOWN: dict[str, Callable[[], Iterable[str]]] = {
    "model": _models,
    "method": _methods,
    "task": _tasks,
}


def rows_here(namespace: Namespace) -> list[str]:
    """Return what rows may be called in this notebook: variables, files, and rows of ours."""
    from nbtune import datasets

    return [*frames_here(namespace), *datasets.names()]


def frames_here(namespace: Namespace) -> list[str]:
    """Return the names of variables and files that hold rows."""
    from nbtune.magics.variables import frame_names

    files = [
        str(path)
        for pattern in ("*.csv", "*.tsv", "*.jsonl", "*.parquet")
        for path in sorted(Path().glob(pattern))
    ]
    return [*frame_names(namespace), *files]


def _columns(cell: str, namespace: Namespace) -> list[str]:
    """Return the columns of what the cell names as its data: a frame, a file, rows of ours."""
    from nbtune.magics.variables import columns_here

    named = re.search(r"""(?:--data[ =]|^\s*data:\s+)["']?([^\s"'#]+)""", cell, re.MULTILINE)
    return columns_here(named[1], namespace) if named else []


def run_names(namespace: Namespace) -> list[str]:
    """Return the variables that hold runs, and the names of those on disk."""
    from nbtune.magics.variables import is_run
    from nbtune.runs import RunStore

    here = [name for name, value in namespace.items() if name[0] != "_" and is_run(value)]
    there = RunStore(_runs_dir(namespace)).folders()
    return list(dict.fromkeys([*here, *(folder.name for folder in there)]))


def _runs_dir(namespace: Namespace) -> str | None:
    """Return where the runs of this notebook lie, None for the usual place."""
    magics = getattr(namespace.get("get_ipython", lambda: None)(), "magics_manager", None)
    settings = magics.registry.get("NBTune") if magics else None
    return getattr(settings, "runs_dir", "") or None


def add_completion(shell: Any) -> None:
    """Add our matcher to a shell's completer."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier=_IDENTIFIER, priority=100)  # type: ignore[untyped-decorator]
    def match(context: Any) -> dict[str, Any]:
        nothing: dict[str, Any] = {"completions": [], "suppress": False}
        try:
            place = find_place(context.full_text, context.cursor_line, context.cursor_position)
            if place is None:
                return nothing
            typed, words = complete(place, shell.user_ns)
        except Exception:  # noqa: BLE001 - a completion is a kindness, never a hindrance
            return nothing
        return {
            "completions": [SimpleCompletion(text=word, type="nbtune") for word in words],
            "matched_fragment": typed,
            "suppress": bool(words) or place.in_body,
        }

    shell.Completer.custom_matchers.append(match)


def remove_completion(shell: Any) -> None:
    """Take our matcher out again."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [m for m in matchers if getattr(m, "matcher_identifier", "") != _IDENTIFIER]
