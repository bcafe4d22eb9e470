"""In which settings runs differ, and which of them differ in their seed only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nbtune.jobs.folders import name_of_model, read_rows
from nbtune.recipe import Recipe, from_yaml

if TYPE_CHECKING:
    from nbtune.data.rows import Rows
    from nbtune.results.run import Run
    from nbtune.runs import RunFolder

_NOTHING = "–"
_NAMES_OF_ROWS = ("data", "validation_data", "test_data")
"""What rows were called; the rows themselves are compared instead."""
_BESIDE_THE_MODEL = ("baseline", "zero_shot", "checks")
"""What is looked at as well, and changes no weight."""


def by_seed(runs: Sequence[Run]) -> list[list[Run]]:
    """Group the runs that differ in nothing but their seed, in the order they came."""
    groups: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run in runs:
        settings = settings_of(run)
        settings.pop("seed")
        groups.setdefault(tuple(settings.items()), []).append(run)
    return list(groups.values())


def differences(groups: Sequence[Sequence[Run]]) -> list[dict[str, str]]:
    """Return for each group the settings that are not the same in all of them."""
    settings = [settings_of(group[0]) for group in groups]
    for own, group in zip(settings, groups, strict=True):
        seeds = [settings_of(run)["seed"] for run in group]
        own["seed"] = ", ".join(seeds)
        own["model"] = name_of_model(from_yaml(group[0].folder.recipe_text))
    names = dict.fromkeys(name for own in settings for name in own)
    if not all("data" in own for own in settings):  # where rows were drawn nobody knows
        names.pop("data", None)
    differing = [n for n in names if len({own.get(n, _NOTHING) for own in settings}) > 1]
    return [{name: own.get(name, _NOTHING) for name in differing} for own in settings]


def settings_of(run: Run) -> dict[str, str]:
    """Return every setting of a run as text by name, and a fingerprint of its rows."""
    recipe = from_yaml(run.folder.recipe_text)
    return {**flat_settings(recipe), **_rows(run.folder, recipe, run.task.rows)}


def flat_settings(recipe: Recipe) -> dict[str, str]:
    """Return every setting that may change a weight as text by name, but what rows are called."""
    return dict(_flat(recipe.model_dump(exclude={*_NAMES_OF_ROWS, *_BESIDE_THE_MODEL})))


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", _written(value)


def _written(value: Any) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(_written, value)) if isinstance(value, list | tuple) else str(value)


def _rows(folder: RunFolder, recipe: Recipe, kind: Rows) -> dict[str, str]:
    """Say how many rows there are for training, and which rows there are at all.

    Splits that are drawn by the seed hold the same rows in other places, so the fingerprint is
    one of all rows in any order. Where rows were drawn as well there is none.
    """
    from xxhash import xxh3_64_intdigest

    rows = {"rows": f"{folder.about['rows']['train']:,}"}
    if recipe.max_train_samples is not None:
        return rows
    total = sum(
        int(xxh3_64_intdigest(key.encode()))
        for split in folder.about["rows"]
        for key in kind.keys(read_rows(folder, split))
    )
    return rows | {"data": f"{total % 2**32:08x}"}
