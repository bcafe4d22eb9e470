"""What is wrong with some rows: found, looked through, mended in a copy, and undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ipywidgets as widgets

from nbtune.panels.controls import button, dropdown, kept, rows_field, side_by_side, text_field
from nbtune.panels.data import SIGNS, data_html
from nbtune.panels.html import render
from nbtune.panels.problems import said
from nbtune.panels.same_line import SameLine
from nbtune.plots.texts import short
from nbtune.records import SEVERITIES, DataFinding, DataRecord

SHOWN = 20
ALL = "all"
CHOOSE = "choose a finding to see its rows, or several with Shift and Ctrl to mend them"


@dataclass(frozen=True)
class Rows:
    """Where rows come from: what they are called, and their columns, empty to infer them."""

    name: str
    text: str = ""
    label: str = ""


@dataclass(frozen=True)
class Desk:
    """What the page asks of those who have the rows; each raises an `NbtuneError` to say no.

    Attributes
    ----------
    names : callable
        What rows may be called here.
    look : callable
        (rows, what takes the HTML of a bar) to all that was found in them.
    line : callable
        Rows to the line that looks at them.
    found : callable
        (rows, check) to row number, text and label of what a check finds.
    mendable : sequence of str
        The checks whose findings can be mended.
    mend : callable
        (rows, checks) to the name of a new variable of the notebook, and the line that makes it.
    forget : callable
        Remove such a variable again.
    use : callable
        Have the form that writes a recipe train on rows of this name.
    """

    names: Callable[[], Sequence[str]]
    look: Callable[[Rows, Callable[[str], None]], DataRecord]
    line: Callable[[Rows], str]
    found: Callable[[Rows, str], Sequence[tuple[int, str, str]]]
    mendable: Sequence[str]
    mend: Callable[[Rows, Sequence[str]], tuple[str, str]]
    forget: Callable[[str], None]
    use: Callable[[str], None]


class DataPage:
    """The page; what is given is never changed, what is mended becomes a variable of its own."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.record: DataRecord | None = None
        self.looked_at = Rows("")
        self.found: dict[str, Sequence[tuple[int, str, str]]] = {}
        self.before: list[tuple[Rows, DataRecord | None, str, str]] = []
        self.source = rows_field(desk.names())
        self.text = text_field("text", "its column, by default inferred")
        self.label = text_field("label", "its column, by default inferred")
        self.severity = dropdown("show", [ALL, *SEVERITIES])
        self.search = text_field("search", "words in the rows that were found", at_once=True)
        self.list = widgets.SelectMultiple(
            tooltip="Findings: how grave, how many rows, what",
            rows=8,
            layout=widgets.Layout(width="auto", max_width="860px"),
        )
        self.list.add_class("nbt-runs")
        self.told, self.bar, self.one, self.all = (widgets.HTML() for _ in range(4))
        self.whole = widgets.Accordion([self.all], titles=("Columns, labels, lengths: all of it",))
        self.whole.selected_index = None
        self.line = SameLine()
        self.undo = button("Undo", "undo", self._undo, "Back to the rows before, and forget these")
        self.after, self.box = widgets.VBox(), widgets.VBox()
        self._lay_out()
        self.severity.observe(lambda _: self._list(), "value")
        self.search.observe(lambda _: self._describe(), "value")
        self.list.observe(lambda _: self._describe(), "value")
        self._say("choose rows, and Look: nothing is changed by it")
        self.show()

    def _lay_out(self) -> None:
        self.after.children = (
            side_by_side(self.severity, self.search),
            self.list,
            side_by_side(
                button("Mend", "wrench", self._mend, "Into a new variable; yours stays"),
                self.undo,
                button("Train on these", "arrow-right", self._use, "Put them into the recipe"),
            ),
            self.one,
            self.whole,
        )
        self.box.children = (
            side_by_side(
                self.source,
                self.text,
                self.label,
                button("Look", "search", self._look, "Look at all of these rows"),
            ),
            self.bar,
            self.told,
            self.line.box,
            self.after,
        )

    @property
    def chosen(self) -> list[DataFinding]:
        """The findings that are chosen in the list."""
        return [one for one in self._findings() if one.check in self.list.value]

    def show(self) -> None:
        """Show what was found in the rows that were looked at last."""
        self.found.clear()
        self.after.layout.display = "none" if self.record is None else ""
        self.undo.layout.display = "" if self.before else "none"
        self.all.value = "" if self.record is None else data_html(self.record)
        self._list()

    def _findings(self) -> list[DataFinding]:
        wanted = self.severity.value
        found = () if self.record is None else self.record.findings
        return [one for one in found if wanted in (ALL, one.severity)]

    def _list(self) -> None:
        chosen, found = self.list.value, self._findings()
        self.list.layout.display = "" if found else "none"  # an empty box looks broken
        self.list.options = [(kept(_line(one)), one.check) for one in found]
        self.list.value = [one.check for one in found if one.check in chosen]
        self._describe()

    def _describe(self) -> None:
        """Show the rows that the finding that was chosen last is about."""
        with said(self._draw_one):
            self._draw_one(self._described(self.chosen[-1:]))

    def _described(self, chosen: Sequence[DataFinding]) -> str:
        one, rows = next(iter(chosen), None), self._rows_of(chosen)
        words = self.search.value.lower().split()
        fit = [row for row in rows if all(word in row[1].lower() for word in words)]
        return render(
            "data_found.html.j2",
            one=one,
            rows=fit[:SHOWN],
            count=len(fit),
            hint=CHOOSE if self.list.options else "",
        )

    def _rows_of(self, chosen: Sequence[DataFinding]) -> Sequence[tuple[int, str, str]]:
        """Return the rows of a finding; they are looked for once, however much one searches."""
        for one in chosen:
            if one.check in self.desk.mendable and one.check not in self.found:
                self.found[one.check] = self.desk.found(self.looked_at, one.check)
            return self.found.get(one.check, ())
        return ()

    def _draw_one(self, html: str) -> None:
        self.one.value = html

    def _look(self, _: object = None) -> None:
        rows = Rows(*(field.value.strip() for field in (self.source, self.text, self.label)))
        self.source.options = tuple(self.desk.names())
        if not rows.name:
            self._say("choose rows first: a variable, a file or topics", is_problem=True)
        elif self._looked(rows):
            self.before.clear()
            self.line.show(self.desk.line(rows))
            self.show()

    def _looked(self, rows: Rows) -> bool:
        self._say(f"looking at {rows.name} ...")
        record = None
        with said(self._tell):
            record = self.desk.look(rows, self._draw)
        if record is None:
            return False
        self.record, self.looked_at = record, rows
        count = len(record.findings)
        told = f"{count} finding{'s' * (count != 1)}" if count else "nothing wrong was found"
        self._say(f"{rows.name}: {sum(record.rows.values()):,} rows, {told}")
        return True

    def _draw(self, html: str) -> None:
        self.bar.value = html

    def _mend(self, _: object) -> None:
        checks = [one.check for one in self.chosen if one.check in self.desk.mendable]
        if not checks:
            by_hand = [one.fix for one in self.chosen]
            self._say(
                f"this is not mended in the rows: {by_hand[-1]}"
                if by_hand
                else "choose what to mend in the list first",
                is_problem=True,
            )
            return
        with said(self._tell):
            name, line = self.desk.mend(self.looked_at, checks)
            before = (self.looked_at, self.record, name, self.line.line)
            if self._looked(Rows(name, self.looked_at.text, self.looked_at.label)):
                self.before.append(before)
                self.source.value = name
                self._say(self._words())
                self.line.show(line)
                self.show()

    def _undo(self, _: object) -> None:
        self.looked_at, self.record, name, line = self.before.pop()
        self.line.show(line)
        self.desk.forget(name)
        self.source.value = self.looked_at.name
        self._say(f"{name} is forgotten; {self._words()}")
        self.show()

    def _words(self) -> str:
        rows = 0 if self.record is None else sum(self.record.rows.values())
        return f"{self.looked_at.name} has {rows:,} rows"

    def _use(self, _: object) -> None:
        self.desk.use(self.looked_at.name)
        self._say(f"the recipe on the page Train has data: {self.looked_at.name} now")

    def _say(self, words: str, *, is_problem: bool = False) -> None:
        name, value = (
            ("problem", {"problems": [words]}) if is_problem else ("aside", {"words": words})
        )
        self._tell(render(f"{name}.html.j2", **value))

    def _tell(self, html: str) -> None:
        self.told.value = html


def _line(one: DataFinding) -> str:
    return f"{SIGNS[one.severity]} {one.severity:<8} {one.count:>9,}  {short(one.what, 90)}"
