"""The rows of a run to look through: a matrix to click on, a list, and what can be done to rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import ipywidgets as widgets

from nbtune.errors import NbtuneError
from nbtune.panels.controls import button, dropdown, kept, side_by_side, text_field
from nbtune.panels.curve_picker import CurvePicker
from nbtune.panels.explanation import typed_html
from nbtune.panels.html import percent, render
from nbtune.panels.label_ticks import LabelTicks
from nbtune.panels.matrix import ALL, Cell, MatrixPicker, MistakePicker
from nbtune.plots.texts import short
from nbtune.records import (
    Confusion,
    Correction,
    CurveStop,
    Explanation,
    ReviewedRow,
    Wanted,
    label_now,
    orders_of,
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
    relabels: str
    note: str
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
    @property
    def mistakes(self) -> list[tuple[str, int, int]]: ...  # noqa: D102
    @property
    def has_curves(self) -> bool: ...  # noqa: D102
    def curve(self, label: str) -> list[CurveStop]: ...  # noqa: D102
    def above(self, label: str, threshold: float) -> frozenset[int]: ...  # noqa: D102
    def relabel(  # noqa: D102
        self, rows: Iterable[int], label: str | Iterable[str] | None = ...
    ) -> None: ...
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
        self.matrix = self._mistakes()
        self.curve = CurvePicker(desk.labels, desk.curve, self._list_rows)
        self.sort = dropdown("sort by", orders_of(desk.rows, has_suspects=bool(desk.relabels)))
        self.search = text_field("search", "words of the text", at_once=True)
        self.wrong = widgets.Checkbox(
            description="wrong only", indent=False, layout=widgets.Layout(width="110px")
        )
        self.list = widgets.SelectMultiple(
            tooltip="Rows to look through",
            rows=LIST_ROWS,
            layout=widgets.Layout(width="auto", max_width="860px"),
        )
        self.list.add_class("nbt-runs")
        self.label = dropdown("label", list(desk.labels))
        self.ticks = LabelTicks(desk.labels)
        self.path = text_field("file", "corrections.csv or .jsonl")
        self.told, self.next = widgets.HTML(), widgets.Textarea(
            tooltip="The cell that trains on the corrections",
            rows=6, disabled=False, layout=widgets.Layout(width="auto", max_width="860px")
        )  # fmt: skip
        self.copy = widgets.HTML()
        self.next.add_class("nbt-recipe")
        self.next.layout.display = "none"
        self.box = self._laid_out()
        for control in (self.sort, self.search, self.wrong):
            control.observe(lambda _: self._list_rows(), "value")
        self.list.observe(lambda _: self._describe(), "value")
        desk.changed.append(self.show)
        self.show()

    def _laid_out(self) -> Any:
        """Return all of the panel, from top to bottom."""
        return widgets.VBox(
            [
                self.head,
                *([] if self.matrix is None else [self.matrix.box]),
                *([self.curve.box] if self.desk.has_curves else []),
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
                self.copy,
            ]
        )  # fmt: skip

    def _mistakes(self) -> MatrixPicker | MistakePicker | None:
        """Return what wrong rows are chosen by: a matrix where each has one label."""
        if self.desk.relabels == "one":
            return MatrixPicker(self.desk.confusion, self._pick)
        return MistakePicker(self.desk.mistakes, self._pick) if self.desk.relabels else None

    def _relabelling(self) -> list[Any]:
        if not self.desk.relabels:
            return []
        several = self.desk.relabels == "several"
        words = "these labels" if several else "this label"
        return [
            self.ticks.box if several else self.label,
            button("Relabel", "pencil", self._relabel, f"Give the chosen rows {words}"),
            button("As predicted", "check", self._as_predicted,
                    "Give the chosen rows what is predicted"),
        ]  # fmt: skip

    def _actions(self) -> Any:
        return side_by_side(
            *self._relabelling(),
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
        self.head.value = render(
            "review_head.html.j2", name=self.desk.name, words=self.desk.words, note=self.desk.note
        )
        if isinstance(self.matrix, MatrixPicker):
            self.matrix.show(self.desk.confusion)
        elif self.matrix is not None:
            self.matrix.show(self.desk.mistakes)
        self._list_rows()

    def _pick(self, cell: Cell) -> None:
        self._list_rows()

    def _list_rows(self) -> None:
        found = self._wanted().of(self.desk.rows, self.desk.own)
        self.shown = found[:SHOWN]
        chosen = [row for row in self.list.value if row in {one.row for one in self.shown}]
        own = self.desk.own
        self.list.options = [(kept(_line(one, own)), one.row) for one in self.shown]
        self.list.value = chosen
        named = f"{self._named()}{self.curve.words}"
        more = f", the first {SHOWN} shown" if len(found) > SHOWN else ""
        self.columns.value = render(
            "review_columns.html.j2",
            words=f"{len(found):,} row{'s' * (len(found) != 1)}{named}{more}",
            line=kept(_head(self.desk.relabels)),
        )
        self._describe()

    def _wanted(self) -> Wanted:
        """Return which rows are asked for by matrix, curve, search and box."""
        found = Wanted("", "", self.search.value, self.wrong.value, self.sort.value)
        cell = ALL if self.matrix is None else self.matrix.cell
        if self.desk.relabels == "one":
            found = replace(found, label=cell[0], prediction=cell[1])
        else:
            found = replace(found, missed=cell[0], added=cell[1])
        if self.curve.chosen is None:
            return found
        label, stop = self.curve.chosen
        return replace(found, among=self.desk.above(label, stop.threshold))

    def _named(self) -> str:
        true, predicted = ALL if self.matrix is None else self.matrix.cell
        if (true, predicted) == ALL:
            return ""
        if self.desk.relabels == "one":
            return f" of {true} taken for {predicted}"
        return f" missing {true}" if true else f" wrongly given {predicted}"

    def _describe(self) -> None:
        chosen = self.list.value
        one = next((one for one in self.shown if chosen and one.row == chosen[-1]), None)
        self.one.value = render(
            "review_row.html.j2",
            one=one,
            image=self.desk.image(one.row, LARGE) if one else "",
            relabels=self.desk.relabels,
            correction=self.desk.own.get(one.row) if one else None,
            hint="choose a row, or several with Shift and Ctrl, to read and correct them",
        )
        if one is not None and len(chosen) == 1 and self.desk.relabels == "several":
            self.ticks.value = one.given
        elif one is not None and len(chosen) == 1 and self.desk.relabels:
            self.label.value = one.prediction
        if one is None or one.row != self._whose:
            self.why.value = ""

    def _relabel(self, _: Any) -> None:
        if self.desk.relabels == "several":
            ticked = self.ticks.value
            told = ", ".join(ticked) or "none"
            self._do(lambda rows: self.desk.relabel(rows, ticked), f"now {told}")
            return
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
        if not self._tried(lambda: found.append(self.desk.explain(self._whose))):
            return
        if not found[0]:
            self._say(f"row {self._whose}: nothing is predicted that could be explained")
        else:
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
        self.copy.value = render("cell.html.j2", cell=self.desk.cell, is_of_form=False)
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


def _head(relabels: str) -> str:
    true = "label" if relabels else "true"
    return f"{'row':>7}    {true:<{NAME}} {'predicted':<{NAME}} {'sure':>5}  text"


def _line(one: ReviewedRow, corrections: Mapping[int, Correction]) -> str:
    done = corrections.get(one.row)
    mark = _MARKS[done.action] if done else "?" if one.is_suspect else " "
    label = short(label_now(one, corrections), NAME)
    return (
        f"{one.row:>7} {mark}  {label:<{NAME}} {short(one.prediction, NAME):<{NAME}} "
        f"{_sure(one):>5}  {short(near_marks(one.text, 90), 90)}"
    )


def _sure(one: ReviewedRow) -> str:
    """Return how sure the model is of a row; of numbers nobody knows."""
    return percent(one.probability) if one.probability == one.probability else "–"
