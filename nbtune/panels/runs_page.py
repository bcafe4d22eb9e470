"""The runs of a folder, to choose from: sort, filter, compare, name, describe, delete and undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from nbtune.errors import NbtuneError
from nbtune.panels.controls import button, kept, side_by_side, text_field
from nbtune.panels.html import render, size
from nbtune.panels.runs import COLUMNS, EMPTY, Rows, runs_text

SHOWN = 10


@dataclass(frozen=True)
class Shelf:
    """What the page asks of those who know the runs; each raises an `NbtuneError` to say no.

    Attributes
    ----------
    rows : callable
        (pattern of names, column to sort by) to the cells of the runs' table, with ``words``, the
        note alone, and ``tags``.
    delete, restore : callable
        Put the run of a title away, and bring it back.
    free : callable
        Remove the checkpoints of a finished run; returns the bytes that this frees.
    rename : callable
        (title, name) to the new title.
    describe : callable
        (title, note, tags) are written down.
    compare : callable
        Titles to a comparison as HTML.
    """

    rows: Callable[[str, str], Rows]
    delete: Callable[[str], object]
    restore: Callable[[str], object]
    free: Callable[[str], int]
    rename: Callable[[str, str], str]
    describe: Callable[[str, str, list[str]], None]
    compare: Callable[[Sequence[str]], str]


class RunsPage:
    """The page; what is done is said below the list, with its undoing where there is one."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.deleted: list[str] = []
        self.pattern = text_field("filter", "such as topics*, by default all")
        self.sort = widgets.Dropdown(
            options=[("created", ""), *((name, name) for name in COLUMNS if name != "created")],
            description="sort by",
            layout=widgets.Layout(width="220px"),
            style={"description_width": "60px"},
        )
        self.heads = widgets.HTML()
        self.list = widgets.SelectMultiple(
            rows=SHOWN, layout=widgets.Layout(width="100%", max_width="720px")
        )
        self.list.add_class("nbt-runs")
        self.name = text_field("name", "a new name, for one run")
        self.note = text_field("note", "what this run was")
        self.tags = text_field("tags", "words, with commas")
        self.told, self.answer = widgets.HTML(), widgets.HTML()
        self.undo = button("Undo", "undo", self._undo, "Bring back what was deleted")
        self.undo.layout.display = "none"
        self.box = widgets.VBox(
            [
                side_by_side(
                    self.pattern, self.sort, button("Refresh", "refresh", self.show, "Look again")
                ),
                self.heads,
                self.list,
                side_by_side(
                    button("Compare", "balance-scale", self._compare, "Two runs or more"),
                    button("Delete", "trash", self._delete, "Put away; Undo brings back"),
                    button(
                        "Free disk", "eraser", self._free, "Remove checkpoints of finished runs"
                    ),
                    self.undo,
                ),
                side_by_side(self.name, button("Rename", "pencil", self._rename, "One run")),
                side_by_side(
                    self.note,
                    self.tags,
                    button("Write down", "tag", self._describe, "Note and tags"),
                ),
                self.told,
                self.answer,
            ]
        )
        for one in (self.pattern, self.sort):
            one.observe(lambda _: self.show(), "value")
        self.list.observe(self._choose, "value")
        self.show()

    def show(self, _: Any = None) -> None:
        """List the runs that there are now; those chosen stay so."""
        chosen = self.list.value
        rows = list(self.shelf.rows(self.pattern.value.strip() or "*", self.sort.value))
        titles = [str(row["run"]) for row in rows]
        head, *lines = runs_text(rows).splitlines() if rows else [""]
        self.heads.value = render("aside.html.j2", words=EMPTY) if not rows else _head(head)
        self.list.options = [(kept(line), title) for line, title in zip(lines, titles, strict=True)]
        self.list.value = [title for title in chosen if title in titles]

    def _choose(self, _: Any) -> None:
        """Bring the fields in line with the run that is chosen, if it is one."""
        chosen = self.list.value
        rows = self.shelf.rows(chosen[0], "") if len(chosen) == 1 else []
        self.tags.value = ", ".join(rows[0]["tags"]) if rows else ""
        self.note.value = rows[0]["words"] if rows else ""
        self.name.value = ""

    def _compare(self, _: Any) -> None:
        def compare(titles: list[str]) -> str:
            self._say(f"comparing {', '.join(titles)} ...")
            self.answer.value = self.shelf.compare(titles)
            return ""

        self._do(compare, least=2)

    def _delete(self, _: Any) -> None:
        def delete(titles: list[str]) -> str:
            self.deleted = []
            for title in titles:
                self.shelf.delete(title)
                self.deleted.append(title)
            return f"deleted {', '.join(titles)}"

        self._do(delete)
        self.undo.layout.display = "" if self.deleted else "none"

    def _undo(self, _: Any) -> None:
        titles, self.deleted = self.deleted, []
        self.undo.layout.display = "none"

        def restore(_: list[str]) -> str:
            for title in titles:
                self.shelf.restore(title)
            return f"brought back {', '.join(titles)}"

        self._do(restore, least=0)

    def _free(self, _: Any) -> None:
        def free(titles: list[str]) -> str:
            freed = sum(self.shelf.free(title) for title in titles)
            return f"checkpoints removed: {size(freed)} freed; models and scores stay"

        self._do(free)

    def _rename(self, _: Any) -> None:
        def rename(titles: list[str]) -> str:
            return f"{titles[0]} is {self.shelf.rename(titles[0], self.name.value.strip())} now"

        self._do(rename, most=1)

    def _describe(self, _: Any) -> None:
        def describe(titles: list[str]) -> str:
            tags = self.tags.value.split(",")
            self.shelf.describe(titles[0], self.note.value, tags)
            return f"noted on {titles[0]}"

        self._do(describe, most=1)

    def _do(
        self, action: Callable[[list[str]], str], *, least: int = 1, most: int = 1_000_000
    ) -> None:
        """Do something with the runs that are chosen, say what was done, and list them anew."""
        titles = list(self.list.value)
        self.answer.value = ""
        if not least <= len(titles) <= most:
            wanted = "one run" if most == 1 else f"{least} runs or more" if least > 1 else "a run"
            self._say(f"choose {wanted} in the list first", is_problem=True)
            return
        try:
            self._say(action(titles))
        except NbtuneError as error:
            self._say(str(error), is_problem=True)
        self.show()

    def _say(self, words: str, *, is_problem: bool = False) -> None:
        if is_problem:
            self.told.value = render("problem.html.j2", problems=[words])
        else:
            self.told.value = render("aside.html.j2", words=words) if words else ""


def _head(line: str) -> str:
    return render("runs_head.html.j2", line=kept(line))
