"""Fields to type into, and what a run says of them while one types; and of many rows at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import pandas as pd

from nbtune.errors import NbtuneError
from nbtune.panels.controls import button, side_by_side
from nbtune.panels.explanation import typed_html
from nbtune.panels.frames import frame_html
from nbtune.panels.html import render
from nbtune.panels.later import Latest
from nbtune.panels.many_rows import ManyRows, Stack
from nbtune.panels.problems import problem_html, said
from nbtune.panels.same_line import SameLine, asking
from nbtune.records import Explanation

MOST_LABELS = 6
BETWEEN = " ||| "
"""Stands between the parts that a run is asked about, where they are written as one text."""


@dataclass(frozen=True)
class Asked:
    """What a run is asked about, and how.

    Attributes
    ----------
    fields : mapping
        What may be written by the role of what is asked about.
    at_once : bool
        Whether it is asked at every key: what writes a text takes longer, and has a button.
    """

    fields: Mapping[str, str]
    at_once: bool = True


@dataclass(frozen=True)
class Oracle:
    """Who asks runs for the page; each raises an `NbtuneError` to say no.

    Attributes
    ----------
    runs : callable
        The names of runs that have a model, newest first.
    about : callable
        The name of a run to what it is asked about.
    ask : callable
        (name of a run, what is asked as one text) to labels with their probabilities, or a frame.
    explain : callable
        (name of a run, what is asked) to what speaks for and against what it predicts; nothing
        where the task has nothing to explain.
    stack : Stack
        Who asks about many rows.
    """

    runs: Callable[[], Sequence[str]]
    about: Callable[[str], Asked]
    ask: Callable[[str, str], Any]
    explain: Callable[[str, str], Sequence[Explanation]]
    stack: Stack


class TryIt:
    """The page; it asks the chosen run anew at every change.

    Which words its answer rests on comes after a pause, from a thread of its own, so that nobody
    waits for it while they type.
    """

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.about = Asked({})
        self.run = widgets.Dropdown(
            options=list(oracle.runs()), description="run", style={"description_width": "60px"}
        )
        self.fields: dict[str, Any] = {}
        self.written = widgets.VBox()
        self.go = button("Ask", "play", lambda _: self.ask(), "Have the run write its answer")
        self.answer, self.why, self.line = widgets.HTML(), widgets.HTML(), SameLine()
        self.later = Latest(self._explained, self._give_reasons, self._give_no_reasons)
        self.many = ManyRows(oracle.stack, lambda: self.run.value)
        again = button("Refresh", "refresh", lambda _: self.refresh(), "Look for runs once more")
        more = widgets.Accordion([self.many.box], titles=("Many at once: a frame or a file",))
        more.selected_index = None
        self.box = widgets.VBox(
            [
                side_by_side(self.run, again),
                self.written,
                self.go,
                self.answer,
                self.why,
                self.line.box,
                more,
            ]
        )
        self.run.observe(lambda _: self.choose(), "value")
        self.choose()

    def refresh(self) -> None:
        """Offer the runs that there are now."""
        chosen, names = self.run.value, list(self.oracle.runs())
        self.run.options = names
        self.run.value = chosen if chosen in names else next(iter(names), None)
        self.many.refresh()

    def choose(self) -> None:
        """Have a field for all that the chosen run is asked about; what was typed stays."""
        with said(self._say):
            self.about = Asked({}) if self.run.value is None else self.oracle.about(self.run.value)
            if list(self.fields) != list(self.about.fields):
                typed = {name: field.value for name, field in self.fields.items()}
                self.fields = {
                    role: _field(role, hint, typed.get(role, ""))
                    for role, hint in self.about.fields.items()
                }
                for field in self.fields.values():
                    field.observe(lambda _: self.show(), "value")
                self.written.children = tuple(self.fields.values())
            for role, hint in self.about.fields.items():
                self.fields[role].placeholder = hint
            self.go.layout.display = "none" if self.about.at_once else ""
            self.show()

    @property
    def text(self) -> str:
        """What is asked, as one text; empty until each field has something in it."""
        parts = [field.value.strip() for field in self.fields.values()]
        return BETWEEN.join(parts) if all(parts) else ""

    def show(self) -> None:
        """Show what the chosen run says of what is typed, or wait to be asked for it."""
        self.later.forget()
        self.why.value = self.answer.value = ""
        self.line.show()
        if self.run.value is None:
            self._say(
                render(
                    "problem.html.j2",
                    problems=["there is no run with a model yet: train one with %%finetune"],
                )
            )
        elif self.text:
            self.line.show(asking("predict", self.run.value, self.text))
            if self.about.at_once:
                self.ask()

    def ask(self) -> None:
        """Ask the chosen run, and soon after that why it says so."""
        if not self.text:
            self._say(render("aside.html.j2", words=f"fill in {' and '.join(self.fields)} first"))
            return
        if not self.about.at_once:
            self._say(render("aside.html.j2", words="writing ..."))
        with said(self._say):
            self._say(answer_html(self.oracle.ask(self.run.value, self.text)))
            self.later.ask(self.run.value, self.text)

    def _explained(self, run: str, text: str) -> str:
        found = self.oracle.explain(run, text)
        return typed_html(found) if found else ""

    def _give_reasons(self, html: str) -> None:
        self.why.value = html

    def _give_no_reasons(self, error: Exception) -> None:
        is_usual = isinstance(error, NbtuneError)  # not every answer can be explained
        words = render("aside.html.j2", words=str(error))
        self.why.value = words if is_usual else problem_html(error)

    def _say(self, html: str) -> None:
        self.answer.value = html


def answer_html(found: Any) -> str:
    """Return what a run says: the likeliest labels with bars, else the face of its frame."""
    if not isinstance(found, list):
        is_plain = type(found) is pd.DataFrame and "text_row" in found  # of the only text
        return frame_html(found.drop(columns="text_row") if is_plain else found)
    likely = sorted(found, key=lambda at: -at[1])
    shown, left = likely[:MOST_LABELS], len(likely) - MOST_LABELS
    return render("answer.html.j2", shown=shown, left=max(left, 0))


def _field(role: str, hint: str, typed: str) -> Any:
    common = {
        "value": typed,
        "description": role,
        "placeholder": hint,
        "style": {"description_width": "60px"},
    }
    wide = {"width": "auto", "max_width": "660px"}
    if role == "image":  # a half of a path is none
        return widgets.Text(continuous_update=False, layout=widgets.Layout(**wide), **common)
    short = role == "question"
    height = {} if short else {"height": "90px"}
    kind = widgets.Text if short else widgets.Textarea
    return kind(layout=widgets.Layout(**wide, **height), **common)
