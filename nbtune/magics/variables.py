"""Names in a cell become objects of the notebook: rows by bare name, all else by ``$name``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbtune import datasets
from nbtune.errors import DataError, RecipeError, RunError, did_you_mean
from nbtune.recipe import ALIASES, Layer

DATA_SETTINGS = ("data", "validation_data", "test_data")
FRAMES = ("DataFrame", "Dataset", "DatasetDict")
TEXTS = ("Series", "ndarray", "list", "tuple")


def find_rows(name: str, namespace: Mapping[str, Any], setting: str = "data") -> Any:
    """Return what a data setting means: a variable, else a file, a data set of ours, a hub id.

    Returns
    -------
    object
        The variable's value, or the text itself for all that is read from elsewhere.

    Raises
    ------
    DataError
        When the name means two things, or nothing.
    """
    if name.startswith("$"):
        return look_up(name, namespace, setting)
    is_variable = name.isidentifier() and name in namespace and not name.startswith("_")
    is_file = Path(name).exists()
    if is_variable and is_file:
        raise DataError(
            f"{setting}: {name!r} is a variable and also a file here",
            hint=f"write ${name} for the variable, ./{name} for the file",
        )
    if is_variable:
        return namespace[name]
    if is_file or name in datasets.names() or not name.isidentifier():
        return name
    frames = frame_names(namespace)
    known = f"DataFrames here: {', '.join(frames)}" if frames else "there is no DataFrame here"
    raise DataError(
        f"{setting}: no variable, file or data set is called {name!r} ({known})",
        hint=did_you_mean(name, [*frames, *datasets.names()]),
    )


def as_python(word: str) -> str:
    """Return a word that stands for an object as Python has it; empty where it names none.

    Examples
    --------
    >>> as_python("train_df"), as_python("$df"), as_python("${df.head(9)}"), as_python("rows.csv")
    ('train_df', 'df', 'df.head(9)', '')
    """
    if word.startswith("${") and word.endswith("}"):
        return word[2:-1]
    name = word.removeprefix("$")
    return name if name.isidentifier() else ""


def frame_names(namespace: Mapping[str, Any]) -> list[str]:
    """Return the names of variables that hold rows."""
    return sorted(
        name
        for name, value in namespace.items()
        if not name.startswith("_") and type(value).__name__ in FRAMES
    )


def rows_named(texts: Sequence[str], namespace: Mapping[str, Any]) -> Any:
    """Return the rows that the one text on a line is the name of; None where it is a text.

    It names a variable that holds rows or texts, or a file of rows: ``%predict topics new_df``.
    """
    word = texts[0] if len(texts) == 1 else ""
    if word.isidentifier() and not word.startswith("_"):
        value = namespace.get(word)
        return value if type(value).__name__ in (*FRAMES, *TEXTS) else None
    if not any(sign.isspace() for sign in word) and Path(word).suffix and Path(word).is_file():
        from nbtune.data.files import SUFFIXES, suffix_of

        return Path(word) if suffix_of(Path(word)) in SUFFIXES else None
    return None


def columns_here(name: str, namespace: Mapping[str, Any]) -> list[str]:
    """Return the columns of the rows that a data setting means; none where these are not known.

    Of a file its beginning is read, of what lies on a hub nothing.
    """
    try:
        found = find_rows(name, namespace)
    except (DataError, RecipeError):
        return []
    if isinstance(found, Mapping):  # of a DatasetDict all parts have the same
        found = next(iter(found.values()), None)
    if isinstance(found, str):
        if Path(found).is_file():
            from nbtune.data.files import header_of

            return header_of(Path(found))
        return datasets.columns(found) if found in datasets.names() else []
    names = getattr(found, "columns", None)
    if names is None:
        names = getattr(found, "column_names", None)
    return [str(name) for name in names] if isinstance(names, Iterable) else []


def look_up(text: str, namespace: Mapping[str, Any], where: str) -> Any:
    """Return the object that ``$name`` or ``${expression}`` stands for.

    Raises
    ------
    RecipeError
        When there is no such variable, or the expression fails.
    """
    name = text[1:]
    if name.startswith("{") and name.endswith("}"):
        try:
            # The cell is the user's own code, and the syntax says that it runs.
            return eval(name[1:-1], dict(namespace))  # noqa: S307
        except Exception as error:  # noqa: BLE001 - whatever their expression raises
            raise RecipeError(f"{where}: {text} raised {type(error).__name__}: {error}") from None
    if name not in namespace:
        own = [known for known in namespace if not known.startswith("_")]
        raise RecipeError(
            f"{where}: there is no variable {name!r}", hint=did_you_mean_briefly(name, own)
        )
    return namespace[name]


def did_you_mean_briefly(name: str, known: list[str]) -> str:
    """Return a suggestion, without listing a whole notebook's variables."""
    hint = did_you_mean(name, known)
    return hint if hint.startswith("did you mean") else "define it in a cell above"


def filled_in(layer: Layer, namespace: Mapping[str, Any]) -> Layer:
    """Return a layer of settings in which every ``$name`` has become its object."""
    return replace(
        layer, values={k: _filled(k, v, layer, namespace) for k, v in layer.values.items()}
    )


def _filled(key: str, value: Any, layer: Layer, namespace: Mapping[str, Any]) -> Any:
    if ALIASES.get(key, key) in DATA_SETTINGS:
        return value  # rows are found later, and the recipe keeps their name
    if isinstance(value, Mapping):
        return {k: _filled(k, v, layer, namespace) for k, v in value.items()}
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if value.startswith("$$"):
        return value[1:]
    found = look_up(value, namespace, f"{layer.where((key,))}: {key}")
    return found.name if is_run(found) else found  # a run stands for the model that it trained


def labels_in(text: str, namespace: Mapping[str, Any]) -> Any:
    """Return labels that are written with commas between them, or what a variable holds.

    Examples
    --------
    >>> labels_in("sport, home news", {})
    ['sport', 'home news']
    """
    if text.startswith("$"):
        found = look_up(text, namespace, "--labels")
        return found if isinstance(found, Mapping | str) else list(found)
    return [name for part in text.split(",") if (name := part.strip())]


def find_run(name: str, namespace: Mapping[str, Any], load: Callable[[str], Any]) -> Any:
    """Return the run that a word means: a variable that holds one, else a run on disk.

    Raises
    ------
    RunError
        When there is none.
    """
    value = namespace.get(name)
    if value is not None and is_run(value):
        return value
    try:
        return load(name)
    except RunError:
        if value is not None and name.isidentifier():
            raise RunError(
                f"{name!r} is a {type(value).__name__}, not a run", hint="see %runs"
            ) from None
        raise


def is_run(value: Any) -> bool:
    """Say whether a value is a run, without importing what a run needs."""
    return type(value).__module__ == "nbtune.results.run"


def is_zero_shot(value: Any) -> bool:
    """Say the same of a classifier that goes by the names of labels."""
    return type(value).__module__ == "nbtune.results.zero_shot"
