"""The panel of forms, with this notebook's variables, runs and models around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.errors import DataError, NbtuneError, RecipeError
from nbtune.magics.completion import values_of
from nbtune.magics.variables import DATA_SETTINGS, find_rows
from nbtune.recipe import Recipe

if TYPE_CHECKING:
    from nbtune.panels.recipe_form import Surroundings
    from nbtune.panels.runs_page import Shelf
    from nbtune.results.run import Run
    from nbtune.results.run_table import RunSummary

PAGES = ("train", "predict", "runs")
FULL_TRAINING = 4
"""Weights, their gradients and two moments of Adam: so many times the weights, without batches."""


class Panel:
    """Pages of forms; it shows itself, and keeps what was written in them.

    Parameters
    ----------
    namespace : mapping
        The notebook's variables.
    runs : callable
        The runs that there are, oldest first.
    find_run : callable
        The name of a run to the run.
    page : str
        One of `PAGES`, shown first.
    runs_dir : str, optional
        Where the runs lie.
    """

    def __init__(
        self,
        namespace: Mapping[str, Any],
        runs: Callable[[], Iterable[RunSummary]],
        find_run: Callable[[str], Run],
        page: str,
        runs_dir: str | None = None,
    ) -> None:
        import ipywidgets as widgets

        from nbtune.panels.recipe_form import RecipeForm
        from nbtune.panels.runs_page import RunsPage
        from nbtune.panels.try_it import TryIt

        self.form = RecipeForm(surroundings(namespace))
        self.trial = TryIt(lambda: _with_models(runs()), _asker(find_run))
        self.shelf = RunsPage(shelf_of(runs_dir))
        self.box = widgets.Tab([self.form.box, self.trial.box, self.shelf.box])
        self.box.titles = tuple(name.capitalize() for name in PAGES)
        self.box.selected_index = PAGES.index(page)

    def __repr__(self) -> str:
        return f"the forms of nbtune, in a notebook only; the cell so far:\n{self.form.cell}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from nbtune.panels.html import render

        bundle = self.box._repr_mimebundle_(include=include, exclude=exclude)
        # What a saved notebook shows, where no kernel holds the forms any more.
        html = render("problem.html.j2", problems=["the forms of nbtune: run %nbtune panel"])
        return {**bundle, "text/plain": repr(self), "text/html": html}


def surroundings(namespace: Mapping[str, Any]) -> Surroundings:
    """Return what a form may ask about the notebook."""
    from nbtune.jobs.choosing import known_names
    from nbtune.panels.recipe_form import Surroundings

    return Surroundings(
        words=lambda setting, text: values_of(setting, text, namespace),
        known=known_names(),
        look=lambda recipe: dict(_wrong_here(recipe, namespace)),
        facts=lambda recipe: list(_facts(recipe, namespace)),
    )


def shelf_of(runs_dir: str | None) -> Shelf:
    """Return what the page of runs may do with those of a folder."""
    from nbtune import api, shelf
    from nbtune.panels.comparison import comparison_html
    from nbtune.panels.runs_page import Shelf

    def rows(pattern: str, sort: str) -> list[dict[str, Any]]:
        table = api.list_runs(pattern, runs_dir=runs_dir)
        found = table.sort(sort) if sort else table
        return [row.cells() | {"words": row.note, "tags": row.tags} for row in found]

    def compare(titles: Sequence[str]) -> str:
        return comparison_html(api.compare(*titles, runs_dir=runs_dir, display="none").record)

    def describe(title: str, note: str, tags: list[str]) -> None:
        shelf.describe_run(title, note=note, tags=tags, runs_dir=runs_dir)

    return Shelf(
        rows=rows,
        delete=lambda title: shelf.delete_runs(title, runs_dir=runs_dir),
        restore=lambda title: shelf.restore_runs(title, runs_dir=runs_dir),
        free=lambda title: shelf.free_runs(title, runs_dir=runs_dir),
        rename=lambda title, name: shelf.rename_run(title, name, runs_dir=runs_dir),
        describe=describe,
        compare=compare,
    )


def _wrong_here(recipe: Recipe, namespace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from nbtune.jobs.choosing import model_of
    from nbtune.methods import find_method

    for setting in DATA_SETTINGS:
        if name := getattr(recipe, setting):
            try:
                found = find_rows(name, namespace, setting)
                if setting == "data":
                    yield from _wrong_columns(recipe, found)
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


def _wrong_columns(recipe: Recipe, found: Any) -> Iterator[tuple[str, str]]:
    """Look at the columns of a frame; files and hubs are only read when something trains."""
    columns = [str(name) for name in getattr(found, "columns", [])]
    for role in ("text", "label", "context", "question", "answers"):
        wanted = getattr(recipe, role) or ()
        names = [wanted] if isinstance(wanted, str) else wanted
        if columns and (missing := [name for name in names if name not in columns]):
            what = ", ".join(map(repr, missing))
            yield role, f"{role}: the data has no column {what}, but {', '.join(columns)}"


def _facts(recipe: Recipe, namespace: Mapping[str, Any]) -> Iterator[str]:
    if recipe.data is not None:
        rows = find_rows(recipe.data, namespace)
        if hasattr(rows, "columns") and hasattr(rows, "__len__"):
            yield _about_rows(recipe, rows)
    yield _about_model(recipe)


def _about_rows(recipe: Recipe, frame: Any) -> str:
    from nbtune.data.columns import infer_columns

    told = f"{recipe.data}: {len(frame):,} rows"
    if recipe.task != "text-classification" or isinstance(recipe.label, tuple):
        return told
    try:
        columns = infer_columns(frame, recipe.text, recipe.label)
    except DataError as error:
        return f"{told}; {error.problem}"
    labels = frame[columns.label].astype(str).nunique()  # lists of labels cannot be counted
    return f"{told}, text from {columns.text!r}, {labels:,} labels from {columns.label!r}"


def _about_model(recipe: Recipe) -> str:
    import psutil

    from nbtune.jobs.choosing import model_of
    from nbtune.panels.html import size

    source = model_of(recipe)
    if source.kind == "scratch":
        return f"model: {source.name}, a small one that starts from nothing"
    if source.kind == "hub":
        return f"model: {source.name}, from the hub when it trains"
    weights = sum(file.stat().st_size for file in Path(source.location).glob("*.safetensors"))
    free = psutil.virtual_memory().available
    need = weights * (FULL_TRAINING if recipe.method == "full" else 1)
    enough = "" if need < free else ", which is too little"
    return (
        f"model: {source.name}, {size(weights)} of weights; training takes {size(need)} for it and "
        f"more for the batches, {size(free)} are free{enough}"
    )


def _with_models(runs: Iterable[RunSummary]) -> list[str]:
    from nbtune.runs import RunFolder

    return [row.run for row in runs if RunFolder(Path(row.folder)).model_path.is_dir()][::-1]


def _asker(find_run: Callable[[str], Run]) -> Callable[[str, str], Sequence[tuple[str, float]]]:
    """Return a function that asks a run, and keeps the one that was asked last."""
    kept: dict[str, Run] = {}

    def ask(name: str, text: str) -> list[tuple[str, float]]:
        if name not in kept:
            kept.clear()
            kept[name] = find_run(name)
        run = kept[name]
        found = run.predict_proba([text])[0]
        return list(zip(map(str, run.classes_), map(float, found), strict=True))

    return ask
