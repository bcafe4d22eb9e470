"""Mistakes to click on: a matrix with a button for each cell that has rows, or labels in a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from nbtune.plots.texts import short
from nbtune.records import Confusion

MOST_LABELS = 14
"""With more labels the pairs that are taken for each other are a list, the worst ones first."""
LONGEST_NAME = 14
SHADES = 4
Cell = tuple[str, str]
"""True and predicted label; empty for all."""
ALL: Cell = ("", "")


class MatrixPicker:
    """The matrix; ``picked`` is called with the cell that somebody chose.

    Parameters
    ----------
    confusion : Confusion
        Counts to begin with.
    picked : callable
        (true label, predicted label), both empty for all rows.
    """

    def __init__(self, confusion: Confusion, picked: Callable[[Cell], None]) -> None:
        self.picked, self.cell = picked, ALL
        self.labels = confusion.labels
        self.is_grid = len(self.labels) <= MOST_LABELS
        self._layout = widgets.Layout(width="auto", height="24px", margin="0", padding="0")
        self._buttons: dict[Cell, Any] = {}
        self._nothing = widgets.Label("", layout=self._layout)
        self.pairs = widgets.Select(
            rows=12, description="true, taken for", layout=widgets.Layout(width="360px"),
            style={"description_width": "95px"},
        )  # fmt: skip
        self.everything = widgets.Button(
            description="all rows",
            tooltip="Rows of all cells",
            layout=widgets.Layout(width="auto", height="24px", margin="0 6px 0 0"),
        )
        self.everything.on_click(lambda _: self.pick(ALL))
        self.box = widgets.VBox([self._grid() if self.is_grid else self.pairs])
        self.box.add_class("nbt-matrix")
        self.show(confusion)
        self.pairs.observe(lambda change: self.pick(change["new"] or ALL), "value")

    def pick(self, cell: Cell) -> None:
        """Choose a cell; the chosen one again chooses all."""
        self.cell = ALL if cell == self.cell and self.is_grid else cell
        for place, button in self._buttons.items():
            (button.add_class if place == self.cell else button.remove_class)("nbt-picked")
        self.picked(self.cell)

    def show(self, confusion: Confusion) -> None:
        """Show these counts."""
        if self.is_grid:
            self._fill(confusion)
            return
        self.pairs.options = [("all rows", ALL), *worst_pairs(confusion)]

    def _grid(self) -> Any:
        size = len(self.labels)
        self._box = widgets.GridBox(
            layout=widgets.Layout(
                grid_template_columns=f"max-content repeat({size}, 38px)", grid_gap="1px"
            )
        )
        return self._box

    def _fill(self, confusion: Confusion) -> None:
        names = [widgets.Label(short(name, LONGEST_NAME)) for name in self.labels]
        heads = [widgets.Label(short(name, LONGEST_NAME)) for name in self.labels]
        for head in heads:
            head.add_class("nbt-upright")
        children = [self.everything, *heads]
        for row, true in enumerate(self.labels):
            total = max(1, sum(confusion.counts[row]))
            children.append(names[row])
            for column, predicted in enumerate(self.labels):
                count = confusion.counts[row][column]
                cell = (true, predicted)
                if not count and cell not in self._buttons:
                    children.append(self._nothing)
                    continue
                button = self._button(cell)
                button.description = str(count)
                button.tooltip = f"{count} rows: {true} taken for {predicted}"
                shade = min(SHADES, -(-count * SHADES // total)) if count else 0
                for level in range(SHADES + 1):
                    if level != shade:
                        button.remove_class(f"nbt-shade{level}")
                button.add_class(f"nbt-shade{shade}")
                children.append(button)
        self._box.children = children

    def _button(self, cell: Cell) -> Any:
        if cell not in self._buttons:
            button = widgets.Button(layout=self._layout)
            button.on_click(lambda _: self.pick(cell))
            self._buttons[cell] = button
        return self._buttons[cell]


def worst_pairs(confusion: Confusion) -> list[tuple[str, Cell]]:
    """Return the labels that are taken for others, most rows first, then those that are right."""
    pairs = [(one.count, (one.true, one.predicted)) for one in confusion.mistakes]
    right = [
        (row[place], (label, label))
        for place, (label, row) in enumerate(zip(confusion.labels, confusion.counts, strict=True))
        if row[place]
    ]
    pairs += sorted(right, key=lambda one: -one[0])
    return [
        (f"{count:>5}  {short(cell[0], 24)} → {short(cell[1], 24)}", cell) for count, cell in pairs
    ]


Mistake = tuple[str, str]
"""A label that rows miss, or one that they are given and have not; empty for all rows."""


class MistakePicker:
    """Labels that rows miss, or are given and have not, as a list to choose from.

    Parameters
    ----------
    mistakes : sequence
        Each label with the rows that miss it and those that have it not, the worst first.
    picked : callable
        Told when something else is chosen; ``cell`` says what.
    """

    def __init__(
        self, mistakes: Sequence[tuple[str, int, int]], picked: Callable[[Mistake], None]
    ) -> None:
        self.cell: Mistake = ALL
        self.list = widgets.Select(
            rows=8, description="labels", layout=widgets.Layout(width="360px"),
            style={"description_width": "60px"},
        )  # fmt: skip
        self.box = widgets.VBox([self.list])
        self.show(mistakes)

        def choose(change: Any) -> None:
            self.cell = change["new"] or ALL
            picked(self.cell)

        self.list.observe(choose, "value")

    def show(self, mistakes: Sequence[tuple[str, int, int]]) -> None:
        """Show these counts; what is chosen stays so."""
        chosen = self.cell
        found = [
            (f"{count:>5}  {words} {short(label, 30)}", cell)
            for label, missed, added in mistakes
            for count, words, cell in (
                (missed, "miss", (label, "")),
                (added, "are wrongly given", ("", label)),
            )
            if count or cell == chosen
        ]
        found.sort(key=lambda one: -int(one[0].split()[0]))
        self.list.options = [("all rows", ALL), *found]
        self.list.value = chosen
