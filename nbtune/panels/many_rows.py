"""What a run says of all rows of a frame or a file; nothing starts before one presses a button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nbtune.panels.controls import button, rows_field, side_by_side, text_field
from nbtune.panels.frames import frame_html
from nbtune.panels.html import render
from nbtune.panels.problems import said
from nbtune.panels.same_line import SameLine

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Stack:
    """Who asks runs about many rows; each raises an `NbtuneError` to say no.

    Attributes
    ----------
    names : callable
        What rows may be called here.
    ask : callable
        (run, rows, column of the texts or "", what takes the HTML of a bar) to a frame.
    keep : callable
        (frame, name) writes a file where the name ends as one, else makes a variable; returns what
        is said of it.
    line : callable
        (run, rows, column, name that it is kept by or "") to the lines that do the same.
    """

    names: Callable[[], Sequence[str]]
    ask: Callable[[str, str, str, Callable[[str], None]], pd.DataFrame]
    keep: Callable[[pd.DataFrame, str], str]
    line: Callable[[str, str, str, str], str]


class ManyRows:
    """Rows are chosen, asked about, looked at, and kept as a variable or a file."""

    def __init__(self, stack: Stack, run: Callable[[], str | None]) -> None:
        self.stack, self.run = stack, run
        self.frame: pd.DataFrame | None = None
        self.asked = ("", "", "")
        self.source = rows_field(stack.names(), "a frame, or a file by its path")
        self.column = text_field("text", "its column, by default as trained")
        self.name = text_field("as", "labelled, or labelled.csv, .jsonl, .parquet")
        self.bar, self.told, self.table = (widgets.HTML() for _ in range(3))
        self.line = SameLine()
        self.rest = widgets.VBox(
            [
                self.table,
                side_by_side(
                    self.name,
                    button("Keep", "save", self._keep, "As a variable, or as a file by its name"),
                ),
                self.line.box,
            ]
        )
        self.rest.layout.display = "none"
        self.box = widgets.VBox(
            [
                side_by_side(
                    self.source,
                    self.column,
                    button("Predict", "play", self._ask, "Ask the run about all of these rows"),
                ),
                self.bar,
                self.told,
                self.rest,
            ]
        )

    def refresh(self) -> None:
        """Offer the rows that there are now."""
        self.source.options = tuple(self.stack.names())

    def _ask(self, _: Any) -> None:
        run, rows, column = self.run(), self.source.value.strip(), self.column.value.strip()
        self.refresh()
        self.frame = None
        self.rest.layout.display = "none"
        if run is None or not rows:
            missing = "a run" if run is None else "rows: a variable or a file"
            self._tell(render("problem.html.j2", problems=[f"choose {missing} first"]))
            return
        self._tell(render("aside.html.j2", words=f"asking {run} about {rows} ..."))
        with said(self._tell):
            self.frame = self.stack.ask(run, rows, column, self._draw)
            self.table.value = frame_html(self.frame)
            self.asked = (run, rows, column)
            self.line.show(self.stack.line(*self.asked, ""))
            self.rest.layout.display = ""
            self._tell(render("aside.html.j2", words=f"{run} was asked about {rows}"))

    def _keep(self, _: Any) -> None:
        name = self.name.value.strip()
        with said(self._tell):
            if self.frame is not None:
                self._tell(render("aside.html.j2", words=self.stack.keep(self.frame, name)))
                self.line.show(self.stack.line(*self.asked, name))

    def _draw(self, html: str) -> None:
        self.bar.value = html

    def _tell(self, html: str) -> None:
        self.told.value = html
