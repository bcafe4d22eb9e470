"""What a run has written, as a frame that shows its texts whole."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from nbtune.panels.html import number, render
from nbtune.plots.texts import short, whole

MOST_ROWS = 30
LONGEST_GIVEN = 600
"""Characters of a text that was given; what was written is shown whole."""


class Answered(pd.DataFrame):
    """A frame of texts; whatever is taken out of it is a plain frame.

    pandas cuts the texts of a cell after 50 characters, and a written text is what was asked for.
    """

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        """Return a table with a row for each text."""
        names, rows = self._shown()
        return render("answered.html.j2", names=names, rows=rows, count=len(self))

    def __repr__(self) -> str:
        names, rows = self._shown()
        lines = []
        for place, row in enumerate(rows):
            for name, cell in zip(names, row, strict=True):
                lines += _block(f"{place} {name}", cell)
        if len(rows) < len(self):
            lines.append(f"... {len(self):,} rows")
        return "\n".join(lines)

    def _shown(self) -> tuple[list[str], list[list[str]]]:
        """Return the columns that are shown and the cells of the first rows."""
        # Where a text is written on, its beginning and the rest say all that ``text`` does.
        hidden = {"text_row"} | ({"text"} if "continuation" in self.columns else set())
        names = [str(name) for name in self.columns if name not in hidden]
        rows = self[names].head(MOST_ROWS).itertuples(index=False)
        return names, [_cells(list(row)) for row in rows]


def _cells(row: Sequence[Any]) -> list[str]:
    """Return the cells of a row as texts: the first was given, the others were written."""
    given, *written = (number(cell) if isinstance(cell, float) else str(cell) for cell in row)
    return [short(given, LONGEST_GIVEN), *map(whole, written)]


def _block(name: str, text: str) -> list[str]:
    """Return a text behind its name where both fit into a line, else below it."""
    if "\n" not in text and len(name) + len(text) < 78:
        return [f"{name:<10}: {text}"]
    return [f"{name}:", *(f"    {part}" for line in text.split("\n") for part in _wrapped(line))]


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 76, replace_whitespace=False, drop_whitespace=False) or [""]
