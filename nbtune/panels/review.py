"""The rows of a run to look through: a matrix to click on, a list, and what can be done to rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import ipywidgets as widgets

from nbtune.errors import NbtuneError
from nbtune.panels.controls import button, dropdown, kept, side_by_side, text_field
from nbtune.panels.explanation import typed_html
from nbtune.panels.html import percent, render
from nbtune.panels.matrix import ALL, Cell, MatrixPicker
from nbtune.plots.texts import short
from nbtune.records import (
    ORDERS,
    Confusion,
    Correction,
    Explanation,
    ReviewedRow,
    Wanted,
    label_now,
)
from nbtune.records.marking import near_marks

SHOWN, LARGE = 200, 160
LIST_ROWS = 12
NAME = 14
_MARKS = {"relabel": "✎", "ambiguous": "~", "delete": "×"}


class Desk(Protocol):
    """What the panel shows and changes; see `nbtune.results.review.Review`."""

    name: str
    labels: tuple[str, ...]
    rows: tuple[ReviewedRow, ...]
    place: Path
    changed: list[Callable[[], None]]

    @property
    def corrections(self) -> tuple[Correction, ...]: ...  # noqa: D102
    @property
    def own(self) -> dict[int, Correction]: ...  # noqa: D102
    @property
    def confusion(self) -> Confusion: ...  # noqa: D102
    @property
    def words(self) -> str: ...  # noqa: D102
    @property
    def cell(self) -> str: ...  # noqa: D102
    def relabel(self, rows: Iterable[int], label: str = ...) -> None: ...  # noqa: D102
    def mark_ambiguous(self, rows: Iterable[int]) -> None: ...  # noqa: D102
    def delete(self, rows: Iterable[int]) -> None: ...  # noqa: D102
    def restore(self, rows: Iterable[int]) -> None: ...  # noqa: D102
    def undo(self) -> bool: ...  # noqa: D102
    def image(self, row: int, side: int) -> str: ...  # noqa: D102
    def explain(self, row: int) -> Sequence[Explanation]: ...  # noqa: D102
    def save(self, path: str) -> Path: ...  # noqa: D102


class ReviewPanel:
    """The panel; what is done is written down at once, said below, and taken back by Undo."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.shown: list[ReviewedRow] = []
        self.head, self.columns, self.one = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.why, self._whose = widgets.HTML(), -1
        self.matrix = MatrixPicker(desk.confusion, self._pick)
        self.sort = dropdown("sort by", list(ORDERS))
        self.search = text_field("search", "words of the text", at_once=True)
        self.wrong = widgets.Checkbox(
            description="wrong only", indent=False, layout=widgets.Layout(width="110px")
        )
        self.list = widgets.SelectMultiple(
            rows=LIST_ROWS, layout=widgets.Layout(width="100%", max_width="860px")
        )
        self.list.add_class("nbt-runs")
        self.label = dropdown("label", list(desk.labels))
        self.path = text_field("file", "corrections.csv or .jsonl")
        self.told, self.next = widgets.HTML(), widgets.Textarea(
            rows=6, disabled=False, layout=widgets.Layout(width="100%", max_width="860px")
        )  # fmt: skip
        self.next.add_class("nbt-recipe")
        self.next.layout.display = "none"
        self.box = widgets.VBox(
            [
                self.head,
                self.matrix.box,
                side_by_side(self.sort, self.search, self.wrong),
                self.columns,
                self.list,
                self.one,
                self.why,
                self._actions(),
                side_by_side(
                    self.path,
                    button("Export", "download", self._export, "Write the corrections to a file"),
                    button("Train on", "play", self._train_on, "The cell that trains on them"),
                ),
                self.told,
                self.next,
            ]
        )  # fmt: skip
        for control in (self.sort, self.search, self.wrong):
            control.observe(lambda _: self._list_rows(), "value")
        self.list.observe(lambda _: self._describe(), "value")
        desk.changed.append(self.show)
        self.show()

    def _actions(self) -> Any:
        return side_by_side(
            self.label,
            button("Relabel", "pencil", self._relabel, "Give the chosen rows this label"),
            button("As predicted", "check", self._as_predicted,
                    "Give the chosen rows what is predicted"),
            button("Ambiguous", "question", self._ambiguous,
                    "Not learnt from, and kept for tests"),
            button("Delete", "trash", self._delete, "Leave the chosen rows out"),
            button("As it was", "reply", self._restore, "Take back what was done to them"),
            button("Undo", "undo", self._undo, "Take the last change back"),
            button("Why", "lightbulb-o", self._why,
                   "Which words speak for what is predicted"),
        )  # fmt: skip

    def show(self) -> None:
        """Show counts and rows as they are now."""
        self.head.value = render("review_head.html.j2", name=self.desk.name, words=self.desk.words)
        self.matrix.show(self.desk.confusion)
        self._list_rows()

    def _pick(self, cell: Cell) -> None:
        self._list_rows()

    def _list_rows(self) -> None:
        true, predicted = self.matrix.cell
        wanted = Wanted(true, predicted, self.search.value, self.wrong.value, self.sort.value)
        found = wanted.of(self.desk.rows, self.desk.own)
        self.shown = found[:SHOWN]
        chosen = [row for row in self.list.value if row in {one.row for one in self.shown}]
        own = self.desk.own
        self.list.options = [(kept(_line(one, own)), one.row) for one in self.shown]
        self.list.value = chosen
        named = "" if (true, predicted) == ALL else f" of {true} taken for {predicted}"
        more = f", the first {SHOWN} shown" if len(found) > SHOWN else ""
        self.columns.value = render(
            "review_columns.html.j2",
            words=f"{len(found):,} row{'s' * (len(found) != 1)}{named}{more}",
            line=kept(_HEAD),
        )
        self._describe()

    def _describe(self) -> None:
        chosen = self.list.value
        one = next((one for one in self.shown if chosen and one.row == chosen[-1]), None)
        self.one.value = render(
            "review_row.html.j2",
            one=one,
            image=self.desk.image(one.row, LARGE) if one else "",
            correction=self.desk.own.get(one.row) if one else None,
            hint="choose a row, or several with Shift and Ctrl, to read and correct them",
        )
        if one is not None and len(chosen) == 1:
            self.label.value = one.prediction
        if one is None or one.row != self._whose:
            self.why.value = ""

    def _relabel(self, _: Any) -> None:
        label = self.label.value
        self._do(lambda rows: self.desk.relabel(rows, label), f"now {label}")

    def _as_predicted(self, _: Any) -> None:
        self._do(self.desk.relabel, "labelled as predicted")

    def _ambiguous(self, _: Any) -> None:
        self._do(self.desk.mark_ambiguous, "ambiguous: not learnt from, kept for tests")

    def _delete(self, _: Any) -> None:
        self._do(self.desk.delete, "left out")

    def _restore(self, _: Any) -> None:
        self._do(self.desk.restore, "as before")

    def _do(self, action: Callable[[Sequence[int]], None], words: str) -> None:
        """Do something to the chosen rows, say so, and go to the row after them."""
        rows = list(self.list.value)
        if not rows:
            self._say("choose a row in the list first", is_problem=True)
            return
        before = self.shown
        if self._tried(lambda: action(rows)):
            places = [place for place, one in enumerate(before) if one.row in rows]
            after = [one.row for one in before[max(places) + 1 :]]
            there = {one.row for one in self.shown}
            self.list.value = [row for row in after if row in there][:1]
            named = f"row {rows[0]}" if len(rows) == 1 else f"{len(rows)} rows"
            self._say(f"{named}: {words}")

    def _why(self, _: Any) -> None:
        """Show which words of the row that is read speak for what is predicted."""
        if not self.list.value:
            self._say("choose a row in the list first", is_problem=True)
            return
        self._whose = int(self.list.value[-1])
        found: list[Sequence[Explanation]] = []
        if self._tried(lambda: found.append(self.desk.explain(self._whose))):
            self.why.value = typed_html(found[0])
            self._say(f"row {self._whose}: why {found[0][0].label}")

    def _undo(self, _: Any) -> None:
        undone: list[bool] = []
        if self._tried(lambda: undone.append(self.desk.undo())):
            self._say(
                "the last change is taken back" if undone[0] else "there is no change to undo"
            )

    def _export(self, _: Any) -> None:
        path = self.path.value.strip() or self.desk.place.name
        if self._tried(lambda: self.desk.save(path)):
            self._say(f"written to {path}")

    def _train_on(self, _: Any) -> None:
        if not self.desk.corrections:
            self._say("nothing is corrected yet: choose rows and correct them", is_problem=True)
            return
        self.next.value, self.next.layout.display = self.desk.cell, ""
        self._say(f"corrections lie in {self.desk.place}; this cell goes on from the weights:")

    def _tried(self, action: Callable[[], object]) -> bool:
        try:
            action()
        except NbtuneError as error:
            self._say(str(error), is_problem=True)
            return False
        return True

    def _say(self, words: str, *, is_problem: bool = False) -> None:
        if is_problem:
            self.told.value = render("problem.html.j2", problems=[words])
        else:
            self.told.value = render("aside.html.j2", words=words)


_HEAD = f"{'row':>7}    {'label':<{NAME}} {'predicted':<{NAME}} {'sure':>5}  text"


def _line(one: ReviewedRow, corrections: Mapping[int, Correction]) -> str:
    done = corrections.get(one.row)
    mark = _MARKS[done.action] if done else "?" if one.is_suspect else " "
    label = short(label_now(one, corrections), NAME)
    return (
        f"{one.row:>7} {mark}  {label:<{NAME}} {short(one.prediction, NAME):<{NAME}} "
        f"{percent(one.probability):>5}  {short(near_marks(one.text, 90), 90)}"
    )
