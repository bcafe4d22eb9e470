"""A form beside the recipe that it writes; either may be changed, and the other follows."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
from pydantic.fields import FieldInfo

from nbtune.errors import NbtuneError, RecipeError
from nbtune.panels.controls import button, side_by_side
from nbtune.panels.fields import NAMED, WIDE, Field
from nbtune.panels.findings import Row, findings_html
from nbtune.panels.html import render
from nbtune.panels.later import Latest
from nbtune.panels.problems import problem_html, said
from nbtune.recipe import COLUMN_ROLES, Lora, Recipe, compose, yaml_layer
from nbtune.recipe.compose import choices
from nbtune.recipe.editing import as_typed, put

FIRST = (
    "data", "task", *COLUMN_ROLES, "model", "method", "num_train_epochs", "learning_rate",
    "per_device_train_batch_size", "max_length",
)  # fmt: skip
"""The knobs that matter; all others stand under *more*. Of the columns those of the task show."""
AN_EARLIER = "This was measured for an earlier recipe:"
RECKONED, MEASURED = "Known at once, nothing of it measured:", "Measured:"
MOST_MEASURED = 20
"""Recipes whose measured estimate is kept, and shown again when one comes back to them."""
SECTIONS = {
    "task": "What is learnt, from which rows",
    "method": "Which weights move",
    "learning_rate": "How they move",
    "eval_strategy": "When it is looked at, kept and stopped",
    "precision": "On what it runs",
}
"""The first setting of each section, in the order of the recipe's declaration."""


@dataclass(frozen=True)
class Surroundings:
    """What the form asks about the notebook around it.

    Attributes
    ----------
    words : callable
        (setting, recipe text) to words that it could be.
    known : mapping
        The words of settings that plug-ins add to; see `nbtune.recipe.compose`.
    roles : callable
        A valid recipe to the columns that its task can have.
    look : callable
        A valid recipe to what is wrong with it here, by setting, such as a missing model.
    facts : callable
        A valid recipe to sentences, by setting, such as how many rows the data has.
    reckon : callable
        A valid recipe to what it would take as far as is known at once, as findings.
    estimate : callable
        (a valid recipe, what takes the HTML of a bar) to what it would take, as HTML.
    """

    words: Callable[[str, str], Sequence[str]]
    known: Mapping[str, Sequence[str]]
    roles: Callable[[Recipe], Sequence[str]]
    look: Callable[[Recipe], Mapping[str, str]]
    facts: Callable[[Recipe], Mapping[str, str]]
    reckon: Callable[[Recipe], Sequence[Row]]
    estimate: Callable[[Recipe, Callable[[str], None]], str]


class RecipeForm:
    """The form; ``cell`` is what it wrote so far. It never starts anything."""

    def __init__(self, surroundings: Surroundings, name: str = "run", text: str = "") -> None:
        self.surroundings, self._showing = surroundings, threading.RLock()
        self.fields = {name: self._field(name, info) for name, info in _settings()}
        self.name = widgets.Text(value=name, description="name", layout=WIDE, style=NAMED)
        self.text = widgets.Textarea(
            value=text,
            tooltip="The recipe, as YAML",
            placeholder="model: minilm\nnum_train_epochs: 2",
            layout=widgets.Layout(width="auto", height="230px"),
        )
        self.text.add_class("nbt-recipe")
        self.problems, self.foot, self.age, self.cost = (widgets.HTML() for _ in range(4))
        self.reckoned = widgets.HTML()
        self._reckoning = Latest(surroundings.reckon, self._show_reckoned, self._show_failure)
        self.recipe: Recipe | None = None
        self.roles: tuple[str, ...] = ()
        self.estimated: Recipe | None = None
        self.measured: list[tuple[Recipe, str]] = []
        self.box = self._laid_out()
        self.name.observe(lambda _: self.show(), "value")
        self.text.observe(lambda _: self.show(), "value")
        self.show()

    @property
    def cell(self) -> str:
        """The cell that trains what the form says."""
        return f"%%finetune {self.name.value.strip()}\n{self.text.value.rstrip() or '# defaults'}"

    def show(self) -> None:
        """Bring fields, problems and facts in line with the text.

        A kernel may hear two controls at the same time, in threads of their own: the second waits,
        and what was found of a text that is there no more is not shown.
        """
        with self._showing:
            self._show()

    def _show(self) -> None:
        text, problems = self.text.value, {}
        facts: Mapping[str, str] = {}
        self.recipe = None
        try:
            typed = as_typed(text)
        except RecipeError as error:  # half a line: the fields wait until it is whole
            self._show_problems({"": str(error)})
            self._show_foot()
            return
        try:
            recipe = compose(yaml_layer(text, "recipe"), known=self.surroundings.known).recipe
        except RecipeError as error:
            problems = error.by_setting or {"": error.problem}
        else:
            problems = dict(self.surroundings.look(recipe))
            self.recipe = None if problems else recipe
            self.roles = tuple(self.surroundings.roles(recipe))
            facts = self.surroundings.facts(recipe)
        if text != self.text.value:
            return  # who changed it shows it
        if not self.name.value.strip().isidentifier():
            problems["name"] = f"name: {self.name.value!r} cannot be a variable, as the run becomes"
        for name in COLUMN_ROLES:
            is_shown = name in self.roles or name in typed or name in problems
            self.fields[name].box.layout.display = "" if is_shown else "none"
        for name, field in self.fields.items():
            problem = _without_place(problems.get(name, ""))
            field.show(typed.get(name, ""), problem, facts.get(name, ""))
            if not isinstance(field.control, widgets.Dropdown):
                field.suggest(self.surroundings.words(name, text))
        self._show_problems({n: p for n, p in problems.items() if n not in self.fields})
        self._show_foot()

    def _show_foot(self) -> None:
        """Show the cell, be it whole or not, so that what is copied is what is written."""
        self.foot.value = render("cell.html.j2", cell=self.cell, is_of_form=True)
        for recipe, html in self.measured:
            if recipe == self.recipe:
                self.estimated, self.cost.value = recipe, html
        if self.estimated is not None:
            words = MEASURED if self.estimated == self.recipe else AN_EARLIER
            self.age.value = render("aside.html.j2", words=words)
        if self.recipe is None:
            self._reckoning.forget()
            self.reckoned.value = ""
        else:
            self._reckoning.ask(self.recipe)

    def _show_reckoned(self, found: Sequence[Row]) -> None:
        head = render("aside.html.j2", words=RECKONED)
        self.reckoned.value = head + findings_html(found) if found else ""

    def _show_failure(self, error: Exception) -> None:
        self.reckoned.value = problem_html(error)

    def put(self, setting: str, value: str) -> None:
        """Change a setting of the recipe, as one does in its field."""
        self._put(setting, value)

    def _estimate(self, _: Any) -> None:
        """Measure what the recipe would take; after a change this is said to be of an earlier."""
        self.estimated, self.age.value = None, ""
        if self.recipe is None:
            self.cost.value = render("problem.html.j2", problems=["mend the recipe first"])
            return
        self._show_cost(render("aside.html.j2", words="measuring a few steps of this recipe ..."))
        with said(self._show_cost):
            recipe = self.recipe
            html = self.surroundings.estimate(recipe, self._show_cost)
            self.measured = [*self.measured[1 - MOST_MEASURED :], (recipe, html)]
            self.estimated = recipe
            self._show_cost(html)
            self.age.value = render("aside.html.j2", words=MEASURED)

    def _show_cost(self, html: str) -> None:
        self.cost.value = html

    def _show_problems(self, problems: Mapping[str, str]) -> None:
        lines = [line for problem in problems.values() for line in problem.splitlines()]
        self.problems.value = render("problem.html.j2", problems=lines) if lines else ""

    def _put(self, setting: str, value: str) -> None:
        try:
            self.text.value = put(self.text.value, setting, value)
        except NbtuneError as error:
            self.fields[setting].show_problem(error.problem)

    def _field(self, name: str, info: FieldInfo) -> Field:
        known = self.surroundings.known.get(name, ())
        words = ["true", "false"] if info.annotation is bool else known or choices(info)
        others = info.annotation is not None and _takes_more_than(words, info)
        default = "chosen for you" if info.default is None else _as_text(info.default)
        return Field(name, default, info.description or "", [] if others else words, self._put)

    def _laid_out(self) -> widgets.Box:
        first = [self.fields[name].box for name in FIRST]
        more = widgets.Accordion([widgets.VBox(boxes) for _, boxes in self._sections()])
        more.titles = tuple(title for title, _ in self._sections())
        more.selected_index = None
        half = {"flex": "1 1 340px", "min_width": "0"}
        others = widgets.HTML("More settings")
        form = widgets.VBox([self.name, *first, others, more], layout=widgets.Layout(**half))
        beside = widgets.VBox(
            [
                widgets.HTML("The recipe"),
                self.text,
                self.problems,
                self.foot,
                self.reckoned,
                side_by_side(
                    button("Estimate", "clock-o", self._estimate, "Time, memory and disk, measured")
                ),
                self.age,
                self.cost,
            ],
            layout=widgets.Layout(**half, margin="0 0 0 12px"),
        )
        return widgets.Box(
            [form, beside], layout=widgets.Layout(flex_flow="row wrap", width="100%")
        )

    def _sections(self) -> Iterator[tuple[str, list[Any]]]:
        title, boxes = "", list[Any]()
        for name, field in self.fields.items():
            if name in SECTIONS:
                if boxes:
                    yield title, boxes
                title, boxes = SECTIONS[name], []
            if name not in FIRST:
                boxes.append(field.box)
        yield title, boxes


def _without_place(problem: str) -> str:
    """Leave out where in the text a problem is, for one that stands at its field."""
    return re.sub(r"^recipe( line \d+)?: ", "", problem)


def _settings() -> Iterator[tuple[str, FieldInfo]]:
    """Return every setting that is a single value, groups opened, in their order."""
    for name, info in Recipe.model_fields.items():
        if name == "lora":
            yield from ((f"lora.{inner}", of) for inner, of in Lora.model_fields.items())
        else:
            yield name, info


def _takes_more_than(words: Sequence[str], info: FieldInfo) -> bool:
    """Say whether a setting takes other values than its words, such as a list."""
    return not words or "tuple" in str(info.annotation) or "dict" in str(info.annotation)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
