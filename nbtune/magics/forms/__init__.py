"""The panel of forms, with this notebook's variables, runs and models around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbtune.results.run import Run
    from nbtune.results.run_table import RunSummary

PAGES = ("train", "data", "predict", "attention", "runs")


class Panel:
    """Pages of forms; it shows itself, and keeps what was written in them.

    Parameters
    ----------
    namespace : mapping
        The notebook's variables; rows that are mended become one.
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
        namespace: dict[str, Any],
        runs: Callable[[], Iterable[RunSummary]],
        find_run: Callable[[str], Run],
        page: str,
        runs_dir: str | None = None,
    ) -> None:
        import ipywidgets as widgets

        from nbtune.magics.forms.around import surroundings
        from nbtune.magics.forms.asking import (
            looker,
            models_here,
            oracle_of,
            with_models,
        )
        from nbtune.magics.forms.rows import desk_of
        from nbtune.magics.forms.shelf import shelf_of
        from nbtune.panels.attention_page import AttentionPage
        from nbtune.panels.data_page import DataPage
        from nbtune.panels.recipe_form import RecipeForm
        from nbtune.panels.runs_page import RunsPage
        from nbtune.panels.try_it import TryIt

        self.form = RecipeForm(surroundings(namespace, runs_dir))
        self.trial = TryIt(oracle_of(namespace, runs, find_run))
        self.attention = AttentionPage(
            lambda: [*with_models(runs()), *models_here()],
            looker(find_run),
            lambda name: name not in models_here(),
        )
        self.shelf = RunsPage(shelf_of(runs_dir))
        self.rows = DataPage(desk_of(namespace, lambda name: self.form.put("data", name)))
        pages = (self.form, self.rows, self.trial, self.attention, self.shelf)
        self.box = widgets.Tab([page.box for page in pages])
        self.box.add_class("nbt-forms")
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
