"""What a run trains as a table, in HTML, Markdown and text."""

from __future__ import annotations

from nbtune.panels.html import render
from nbtune.panels.markdown import escaped
from nbtune.plots.texts import short
from nbtune.records import ParameterTable

HEADS = ("part", "what is trained", "trained", "of", "share")
LONGEST = 40


def parameters_html(run: str, table: ParameterTable) -> str:
    """Return the table of a run."""
    return render("parameters.html.j2", run=short(run, 80), heads=HEADS, rows=_rows(table))


def parameters_text(run: str, table: ParameterTable) -> str:
    """Return the table as lines of at most 80 characters."""
    lines = [f"what {short(run, 60)} trains", _line(HEADS), *map(_line, _rows(table))]
    return "\n".join(lines)


def parameters_markdown(run: str, table: ParameterTable) -> str:
    """Return the table as Markdown; no name can become markup."""
    lines = [
        f"What **{escaped(run)}** trains",
        "",
        "| " + " | ".join(HEADS) + " |",
        "|---|---|---:|---:|---:|",
    ]
    lines += ["| " + " | ".join(map(escaped, row)) + " |" for row in _rows(table)]
    return "\n".join(lines)


def _rows(table: ParameterTable) -> list[tuple[str, ...]]:
    rows = [(part.part, part.what, part.trainable, part.parameters) for part in table.parts]
    return [
        (short(part, LONGEST), short(what, LONGEST) or "–", *_numbers(trainable, parameters))
        for part, what, trainable, parameters in [
            *rows,
            ("together", "", table.trainable, table.parameters),
        ]
    ]


def _numbers(trainable: int, parameters: int) -> tuple[str, str, str]:
    share = 100 * trainable / max(1, parameters)
    return f"{trainable:,}", f"{parameters:,}", f"{share:.3g} %"


def _line(cells: tuple[str, ...]) -> str:
    part, what, *numbers = cells
    return f"{short(part, 17):<18}{short(what, 22):<23}" + "".join(
        f"{cell:>{width}}" for cell, width in zip(numbers, (15, 15, 9), strict=True)
    )
