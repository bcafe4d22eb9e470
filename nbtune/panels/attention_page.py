"""A text, and what a run or a model attends to in it, layer by layer and head by head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from nbtune.panels.attention import attention_html
from nbtune.panels.controls import button, side_by_side
from nbtune.panels.html import render
from nbtune.panels.later import Latest
from nbtune.panels.problems import problem_html
from nbtune.panels.same_line import SameLine, asking, word
from nbtune.records import AttentionRecord

BY_ITSELF = "the one that shows most"
Look = Callable[[str, str, int | None, int | None, str | None], AttentionRecord]
"""(run or model, text, layer and head from 1, word) to what is attended to."""


class AttentionPage:
    """The page; it looks anew when somebody has stopped typing, or chosen something.

    Parameters
    ----------
    names : callable
        Runs that have a model, newest first, and models that nobody trained here.
    look : callable
        See `Look`.
    is_run : callable
        Whether a name is that of a run, not of a model that nobody trained.
    """

    def __init__(
        self, names: Callable[[], Sequence[str]], look: Look, is_run: Callable[[str], bool]
    ) -> None:
        self.find, self.is_run = names, is_run
        style = {"description_width": "60px"}
        wide = widgets.Layout(width="auto", max_width="660px")
        self.model = widgets.Dropdown(options=list(names()), description="model", style=style)
        self.text = widgets.Text(
            description="sentence",
            placeholder="write one, and see who looks at whom",
            style=style,
            layout=wide,
        )
        self.layer, self.head, self.token = (
            widgets.Dropdown(
                options=[BY_ITSELF], description=name, style=style,
                layout=widgets.Layout(width="250px"),
            )
            for name in ("layer", "head", "word")
        )  # fmt: skip
        self.picture, self.line = widgets.HTML(), SameLine()
        again = button("Refresh", "refresh", lambda _: self.refresh(), "Look for runs once more")
        chosen = side_by_side(self.layer, self.head, self.token)
        self.box = widgets.VBox(
            [side_by_side(self.model, again), self.text, chosen, self.picture, self.line.box]
        )
        self.later = Latest(look, self._draw, self._fail)
        self._is_drawing = False
        for control in (self.model, self.text, self.layer, self.head, self.token):
            control.observe(self._ask, "value")
        self._ask(None)

    def refresh(self) -> None:
        """Offer the runs that there are now."""
        chosen, names = self.model.value, list(self.find())
        self.model.options = names
        self.model.value = chosen if chosen in names else next(iter(names), None)

    def _ask(self, change: Any) -> None:
        if self._is_drawing:
            return
        if self.model.value is None:
            self._say("there is no run with a model yet: train one with %%finetune")
        elif not self.text.value.strip():
            self.later.forget()
            self._say("write a sentence, and see who looks at whom in it")
        else:
            is_new = change is not None and change["owner"] in (self.model, self.text)
            wanted = (
                None if one.value == BY_ITSELF or (is_new and one is self.token) else one.value
                for one in (self.layer, self.head, self.token)
            )
            self.later.ask(self.model.value, self.text.value, *wanted)

    def _line(self) -> str:
        """Return the line that draws the same."""
        chosen = {"layer": self.layer.value, "head": self.head.value, "token": self.token.value}
        options = [f"--{name} {word(str(one))}" for name, one in chosen.items() if one != BY_ITSELF]
        name = self.model.value if self.is_run(self.model.value) else f"--model {self.model.value}"
        return asking("attention", name, self.text.value, " ".join(options))

    def _fail(self, error: Exception) -> None:
        self.picture.value = problem_html(error)

    def _draw(self, found: AttentionRecord) -> None:
        self._is_drawing = True
        try:
            words = dict.fromkeys(found.tokens)
            _offer(self.layer, range(1, found.layers + 1))
            _offer(self.head, range(1, found.heads + 1))
            _offer(self.token, words)
        finally:
            self._is_drawing = False
        self.picture.value = attention_html(found)
        self.line.show(self._line())

    def _say(self, words: str) -> None:
        self.line.show()
        self.picture.value = render("problem.html.j2", problems=[words])


def _offer(control: Any, values: Any) -> None:
    """Offer these values, and keep what was chosen where it is among them."""
    options = [BY_ITSELF, *values]
    if list(control.options) != options:
        chosen = control.value
        control.options = options
        control.value = chosen if chosen in options else BY_ITSELF
