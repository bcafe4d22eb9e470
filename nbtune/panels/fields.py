"""One setting of a recipe as a control, with what is wrong with it right below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from nbtune.panels.html import render

WIDE = widgets.Layout(width="auto", min_width="0")
NAMED = {"description_width": "210px"}


class Field:
    """A control whose value is the text that one would type for the setting; empty is default.

    Parameters
    ----------
    name : str
        The setting, such as ``learning_rate`` or ``lora.r``.
    default : str
        What an empty control means.
    about : str
        What the setting does, shown while the pointer rests on it.
    words : sequence of str
        All that it can be; without them it takes any text.
    changed : callable
        Called with (name, value) when the user has changed it.
    """

    def __init__(
        self,
        name: str,
        default: str,
        about: str,
        words: Sequence[str],
        changed: Callable[[str, str], None],
    ) -> None:
        self.name, self.changed = name, changed
        self.is_quiet = False
        common = {"description": name, "tooltip": about, "layout": WIDE}
        if words:
            options = [(f"default: {default}", ""), *((word, word) for word in words)]
            self.control = widgets.Dropdown(options=options, value="", style=NAMED, **common)
        else:
            self.control = widgets.Combobox(
                placeholder=default, options=(), ensure_option=False, style=NAMED, **common
            )
        self.problem = widgets.HTML(layout=widgets.Layout(display="none", margin="0 0 0 214px"))
        own = widgets.Layout(width="auto", min_width="0")  # a field alone may be out of sight
        self.box = widgets.VBox([self.control, self.problem], layout=own)
        self.control.observe(self._tell, "value")

    def suggest(self, words: Sequence[str]) -> None:
        """Offer words while the user types; others stay allowed."""
        if isinstance(self.control, widgets.Combobox):
            self.control.options = tuple(words)

    def show(self, value: str, problem: str = "", fact: str = "") -> None:
        """Show a value that did not come from this control; what is wrong with it, or known."""
        self.is_quiet = True
        try:
            if isinstance(self.control, widgets.Dropdown):
                self._allow(value)
            if self.control.value != value:
                self.control.value = value
        finally:
            self.is_quiet = False
        if problem or not fact:
            self.show_problem(problem)
        else:
            self.problem.value = render("aside.html.j2", words=fact)
            self.problem.layout.display = "block"

    def show_problem(self, problem: str) -> None:
        """Show what is wrong with the value, or that nothing is."""
        self.problem.value = render("problem.html.j2", problems=[problem]) if problem else ""
        self.problem.layout.display = "block" if problem else "none"

    def _allow(self, value: str) -> None:
        """Let the menu show a word that was typed into the recipe, although it is not known."""
        known = [option for _, option in self.control.options]
        if value not in known:
            self.control.options = [*self.control.options, (value, value)]

    def _tell(self, change: dict[str, Any]) -> None:
        if not self.is_quiet:
            self.changed(self.name, str(change["new"]))
