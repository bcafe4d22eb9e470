"""A box to type into, and what a run says of it while one types."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as widgets

from nbtune.errors import NbtuneError
from nbtune.panels.explanation import typed_html
from nbtune.panels.html import render
from nbtune.panels.later import Latest
from nbtune.panels.problems import problem_html, said
from nbtune.records import Explanation

MOST_LABELS = 6


class TryIt:
    """The box; it asks the chosen run anew at every change.

    Which words its answer rests on comes after a pause, from a thread of its own, so that nobody
    waits for it while they type.

    Parameters
    ----------
    runs : callable
        The names of runs that have a model, newest first.
    ask : callable
        (name of a run, text) to labels with their probabilities.
    explain : callable, optional
        (name of a run, text) to what speaks for and against what it predicts.
    """

    def __init__(
        self,
        runs: Callable[[], Sequence[str]],
        ask: Callable[[str, str], Sequence[tuple[str, float]]],
        explain: Callable[[str, str], Sequence[Explanation]] | None = None,
    ) -> None:
        self.ask, self.find, self.explain = ask, runs, explain
        style = {"description_width": "60px"}
        self.run = widgets.Dropdown(options=list(runs()), description="run", style=style)
        self.again = widgets.Button(
            description="Refresh", icon="refresh", tooltip="Look for runs once more"
        )
        self.text = widgets.Textarea(
            description="text",
            placeholder="type, and see what the run says",
            style=style,
            layout=widgets.Layout(width="100%", max_width="660px", height="90px"),
        )
        self.answer, self.why = widgets.HTML(), widgets.HTML()
        self.later = Latest(self._explained, self._give_reasons, self._give_no_reasons)
        self.box = widgets.VBox(
            [widgets.HBox([self.run, self.again]), self.text, self.answer, self.why]
        )
        self.again.on_click(lambda _: self.refresh())
        self.run.observe(lambda _: self.show(), "value")
        self.text.observe(lambda _: self.show(), "value")
        self.show()

    def refresh(self) -> None:
        """Offer the runs that there are now."""
        chosen, names = self.run.value, list(self.find())
        self.run.options = names
        self.run.value = chosen if chosen in names else next(iter(names), None)

    def show(self) -> None:
        """Show what the chosen run says of the text, and soon after that why."""
        self.later.forget()
        self.why.value = ""
        if self.run.value is None:
            self._say("there is no run with a model yet: train one with %%finetune")
        elif not self.text.value.strip():
            self._say("")
        else:
            with said(self._answer):
                found = sorted(self.ask(self.run.value, self.text.value), key=lambda at: -at[1])
                shown, left = found[:MOST_LABELS], len(found) - MOST_LABELS
                self.answer.value = render("answer.html.j2", shown=shown, left=max(left, 0))
                if self.explain is not None:
                    self.later.ask(self.run.value, self.text.value)

    def _explained(self, run: str, text: str) -> str:
        assert self.explain is not None  # noqa: S101
        return typed_html(self.explain(run, text))

    def _give_reasons(self, html: str) -> None:
        self.why.value = html

    def _give_no_reasons(self, error: Exception) -> None:
        is_usual = isinstance(error, NbtuneError)  # not every answer can be explained
        self.why.value = (
            render("aside.html.j2", words=str(error)) if is_usual else problem_html(error)
        )

    def _answer(self, html: str) -> None:
        self.answer.value = html

    def _say(self, what: str) -> None:
        self.answer.value = render("problem.html.j2", problems=[what]) if what else ""
