"""The runs of a folder, to choose from: sort, filter, compare, name, describe, delete and undo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from nbtune.panels.controls import button, kept, side_by_side, text_field
from nbtune.panels.html import render, size
from nbtune.panels.problems import said
from nbtune.panels.runs import COLUMNS, EMPTY, Rows, runs_text
from nbtune.panels.same_line import SameLine

SHOWN = 10
_UNSORTED = ("created", "settings")


@dataclass(frozen=True)
class Shelf:
    """What the page asks of those who know the runs; each raises an `NbtuneError` to say no.

    Attributes
    ----------
    rows : callable
        (words to look for, column to sort by) to the cells of the runs' table, with ``words``, the
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
        self.deleted: Sequence[str] = ()
        self.refused = ""
        self.rows: dict[str, Mapping[str, Any]] = {}
        self.pattern = text_field("filter", "words of names, notes, tags; topics*", at_once=True)
        self.sort = widgets.Dropdown(
            options=[("created", ""), *((name, name) for name in COLUMNS if name not in _UNSORTED)],
            description="sort by",
            layout=widgets.Layout(width="220px"),
            style={"description_width": "60px"},
        )
        self.heads = widgets.HTML()
        self.list = widgets.SelectMultiple(
            tooltip="Runs: name, status, model, method, score, time",
            rows=SHOWN,
            layout=widgets.Layout(width="auto", max_width="720px"),  # its border is seen whole
        )
        self.list.add_class("nbt-runs")
        self.name = text_field("name", "a new name, for one run")
        self.note = text_field("note", "what this run was")
        self.tags = text_field("tags", "words, with commas")
        self.told, self.answer, self.line = widgets.HTML(), widgets.HTML(), SameLine()
        self.undo = button("Undo", "undo", self._undo, "Bring back what was deleted")
        self.undo.layout.display = "none"
        self.box = self._laid_out()
        for one in (self.pattern, self.sort):
            one.observe(lambda _: self.show(), "value")
        self.list.observe(self._choose, "value")
        self.show()

    def _laid_out(self) -> Any:
        """Return all of the page, from top to bottom."""
        return widgets.VBox(
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
                self.line.box,
            ]
        )

    def show(self, _: Any = None) -> None:
        """List the runs that there are now; those chosen stay so."""
        chosen = self.list.value
        pattern = self.pattern.value.strip()
        rows = list(self.shelf.rows(pattern, self.sort.value))
        self.rows = {str(row["run"]): row for row in rows}
        head, *lines = runs_text(rows).splitlines() if rows else [""]
        none = f"no run fits {pattern!r}; an empty filter shows all" if pattern else EMPTY
        self.heads.value = _head(head) if rows else render("aside.html.j2", words=none)
        self.list.layout.display = "" if rows else "none"  # an empty box looks broken
        self.list.options = [
            (kept(line), title) for line, title in zip(lines, self.rows, strict=True)
        ]
        self.list.value = [title for title in chosen if title in self.rows]

    def _choose(self, _: Any) -> None:
        """Bring the fields in line with the run that is chosen, if it is one."""
        chosen = self.list.value
        row = self.rows[chosen[0]] if len(chosen) == 1 else {"tags": (), "words": ""}
        self.tags.value, self.note.value = ", ".join(row["tags"]), row["words"]
        self.name.value = ""

    def _compare(self, _: Any) -> None:
        def compare(titles: list[str]) -> str:
            self._say(f"comparing {', '.join(titles)} ...")
            self.answer.value = self.shelf.compare(titles)
            self.line.show(f"%compare {' '.join(titles)}")
            return ""

        self._do(compare, least=2)

    def _delete(self, _: Any) -> None:
        def delete(titles: list[str]) -> str:
            self.deleted = list(self._each(self.shelf.delete, titles))
            return f"deleted {', '.join(self.deleted)}" if self.deleted else ""

        self._do(delete)

    def _undo(self, _: Any) -> None:
        def restore(_: list[str]) -> str:
            back = self._each(self.shelf.restore, self.deleted)
            self.deleted = [title for title in self.deleted if title not in back]
            return f"brought back {', '.join(back)}" if back else ""

        self._do(restore, least=0)

    def _free(self, _: Any) -> None:
        def free(titles: list[str]) -> str:
            freed = self._each(self.shelf.free, titles)
            if not freed:
                return ""
            whose = f"checkpoints of {', '.join(freed)} removed"
            return f"{whose}: {size(sum(freed.values()))} freed; models and scores stay"

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
        self.answer.value = self.refused = ""
        self.line.show()
        if not least <= len(titles) <= most:
            wanted = "one run" if most == 1 else f"{least} runs or more" if least > 1 else "a run"
            self.told.value = render("problem.html.j2", problems=[f"choose {wanted} in the list"])
            return
        words = ""
        with said(self._refuse):
            words = action(titles)
        self._say(words)
        self.undo.layout.display = "" if self.deleted else "none"
        self.show()

    def _each(self, act: Callable[[str], Any], titles: Sequence[str]) -> dict[str, Any]:
        """Return what came of each run; one that refuses is told of and keeps no other from it."""
        done = {}
        for title in titles:
            with said(self._refuse):
                done[title] = act(title)
        return done

    def _refuse(self, html: str) -> None:
        self.refused += html

    def _say(self, words: str) -> None:
        told = render("aside.html.j2", words=words) if words else ""
        self.told.value = told + self.refused


def _head(line: str) -> str:
    return render("runs_head.html.j2", line=kept(line))
