"""The table of runs, in HTML, Markdown and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nbtune.panels.html import duration, number, render
from nbtune.panels.markdown import escaped
from nbtune.plots.texts import short

COLUMNS = (
    "run", "status", "model", "method", "rows", "f1_macro", "accuracy", "seconds", "created",
    "note",
)  # fmt: skip
_LEFT = ("run", "status", "model", "method", "note")
_TEXT = {"run": 18, "status": 12, "model": 20, "method": 8, "f1_macro": 10, "time": 12}
BELOW = "↳ "
"""Is drawn before a run that was trained beside the one above, to judge that one's recipe."""
EMPTY = "There are no runs here yet: %%finetune makes one."

Rows = Sequence[Mapping[str, Any]]


def runs_html(rows: Rows) -> str:
    """Return the table."""
    heads = [(name, name in _LEFT) for name in _heads(rows)]
    return render("runs.html.j2", heads=heads, rows=_lines(rows), empty=EMPTY)


def runs_text(rows: Rows) -> str:
    """Return the table as lines of at most 80 characters."""
    if not rows:
        return EMPTY
    lines = ["".join(f"{name:<{width}}" for name, width in _TEXT.items())]
    for line in _lines(rows):
        cells = dict(zip(_heads(rows), line, strict=True))
        lines.append("".join(f"{short(cells[n], w - 1):<{w}}" for n, w in _TEXT.items()))
    return "\n".join(line.rstrip() for line in lines)


def runs_markdown(rows: Rows) -> str:
    """Return the table as Markdown."""
    if not rows:
        return EMPTY
    heads = _heads(rows)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(escaped(cell) for cell in line) + " |" for line in _lines(rows)]
    return "\n".join(lines)


def _shown(rows: Rows) -> list[str]:
    """Return the columns that have something to say: a note only where a run has one."""
    noted = any(row.get("note") for row in rows)
    return [name for name in COLUMNS if name != "note" or noted]


def _heads(rows: Rows) -> list[str]:
    return ["time" if name == "seconds" else name for name in _shown(rows)]


def _lines(rows: Rows) -> list[list[str]]:
    """Return the cells of every run; one that stands below the run it is a part of is set in."""
    lines, family = [], ""
    for row in rows:
        is_below = family != "" and row.get("part_of", "") == family
        family = family if is_below else str(row["run"])
        lines.append(_cells(row, f"{BELOW * is_below}{row['run']}", rows))
    return lines


def _cells(row: Mapping[str, Any], name: str, rows: Rows) -> list[str]:
    written = {
        "note": "",
        **row,
        "run": name,
        "rows": f"{row['rows']:,}",
        "f1_macro": number(row["f1_macro"]),
        "accuracy": number(row["accuracy"]),
        "seconds": duration(row["seconds"] or None),
    }
    return [short(str(written[name]), 60) for name in _shown(rows)]
