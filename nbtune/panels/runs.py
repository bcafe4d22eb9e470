"""The table of runs, in HTML, Markdown and text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nbtune.panels.html import duration, ends, number, render, size, weights
from nbtune.panels.markdown import escaped
from nbtune.plots.texts import short
from nbtune.records import Score

COLUMNS = (
    "run", "status", "model", "method", "rows", "score", "test", "settings", "seconds", "memory",
    "trained", "created", "note",
)  # fmt: skip
_LEFT = ("run", "status", "model", "method", "settings", "note")
_WIDE = ("model", "settings that differ", "note")
"""Heads of columns whose words may be broken anywhere: paths are long."""
_HEADS = {"seconds": "time", "settings": "settings that differ"}
_IF_ANY = ("test", "settings", "memory", "trained", "note")
"""Columns that are shown where a run has something to say there."""
_TEXT = {"run": 17, "status": 12, "model": 14, "method": 8, "score": 19, "seconds": 10}
BELOW = "↳ "
"""Is drawn before a run that was trained beside the one above, to judge that one's recipe."""
EMPTY = "There are no runs here yet: %%finetune makes one."
_LONGEST, _LONGEST_HEAD = 60, 30

Rows = Sequence[Mapping[str, Any]]
"""The cells of runs by column; see `nbtune.results.run_table.RunSummary.cells`."""


def runs_html(rows: Rows) -> str:
    """Return the table."""
    names = _shown(rows)
    heads = [(_head(name, rows), name in _LEFT) for name in names]
    lines = [[line[name] for name in names] for line in _lines(rows)]
    return render("runs.html.j2", heads=heads, rows=lines, empty=EMPTY, wide=_WIDE)


def runs_text(rows: Rows) -> str:
    """Return the table as lines of at most 80 characters."""
    if not rows:
        return EMPTY
    lines = ["".join(f"{short(_head(n, rows), w - 1):<{w}}" for n, w in _TEXT.items())]
    for line in _lines(rows):
        lines.append("".join(f"{short(line[n], w - 1):<{w}}" for n, w in _TEXT.items()))
    return "\n".join(line.rstrip() for line in lines)


def runs_markdown(rows: Rows) -> str:
    """Return the table as Markdown."""
    if not rows:
        return EMPTY
    names = _shown(rows)
    lines = ["| " + " | ".join(escaped(_head(name, rows)) for name in names) + " |"]
    lines.append("|" + "---|" * len(names))
    for line in _lines(rows):
        lines.append("| " + " | ".join(escaped(line[name]) for name in names) + " |")
    return "\n".join(lines)


def _shown(rows: Rows) -> list[str]:
    return [n for n in COLUMNS if n not in _IF_ANY or any(row.get(n) for row in rows)]


def _metric(rows: Rows) -> str:
    """Return the score that decides for all runs; nothing where it is not the same one."""
    names = {row.get("metric") for row in rows} - {"", None}
    return short(str(names.pop()), _LONGEST_HEAD) if len(names) == 1 else ""


def _head(name: str, rows: Rows) -> str:
    if name == "score":
        return _metric(rows) or "score"
    if name == "test":
        return f"{_metric(rows) or 'score'} on test rows"
    return _HEADS.get(name, name)


def _lines(rows: Rows) -> list[dict[str, str]]:
    """Return the cells of every run; one that stands below the run it is a part of is set in."""
    lines, family = [], ""
    for row in rows:
        is_below = family != "" and row.get("part_of", "") == family
        family = family if is_below else str(row["run"])
        own = _cells(row, f"{BELOW * is_below}{row['run']}", is_named=not _metric(rows))
        lines.append({name: short(cell, _LONGEST) for name, cell in own.items()})
    return lines


def _cells(row: Mapping[str, Any], name: str, *, is_named: bool) -> dict[str, str]:
    written: Mapping[str, Callable[[Any], str]] = {
        "rows": "{:,}".format,
        "score": lambda score: _score(score, row["metric"] if is_named else ""),
        "test": lambda score: _score(score, row["metric"] if is_named else ""),
        "settings": lambda own: ", ".join(f"{key} {value}" for key, value in own.items()),
        "seconds": lambda value: duration(value or None),
        "memory": lambda value: size(value) if value else "–",
        "trained": lambda value: weights(value) if value else "–",
    }
    found = {key: row.get(key) for key in COLUMNS} | {"run": name}
    return {key: written.get(key, _plain)(value) for key, value in found.items()}


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _score(score: Score | None, metric: str) -> str:
    if score is None:
        return "–"
    named = f"{metric} " if metric else ""
    return f"{named}{number(score.value)}" + (f" {ends(score)}" if score.low == score.low else "")
