"""A list of findings, in HTML, Markdown and text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from nbtune.panels.html import render
from nbtune.panels.markdown import escaped
from nbtune.plots.texts import short

Row = tuple[str, str, str]
"""What was looked at, what was found, what to do about it (empty when all is well)."""


def findings_html(rows: Sequence[Row]) -> str:
    """Return the findings as a table."""
    return render("findings.html.j2", rows=rows)


def findings_text(rows: Sequence[Row]) -> str:
    """Return the findings as lines of at most 80 characters."""
    lines = []
    for what, found, advice in rows:
        mark = "!" if advice else " "
        text = f"{short(found)} -> {short(advice)}" if advice else short(found)
        start = f"{mark} {short(what, 15):<16}"
        lines += textwrap.wrap(text, 80, initial_indent=start, subsequent_indent=" " * 18)
    return "\n".join(lines)


def findings_markdown(rows: Sequence[Row]) -> str:
    """Return the findings as a Markdown table."""
    lines = ["| | found | to do |", "|---|---|---|"]
    lines += ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def findings_bundle(rows: Sequence[Row]) -> dict[str, str]:
    """Return all faces by their MIME type."""
    return {
        "text/plain": findings_text(rows),
        "text/markdown": findings_markdown(rows),
        "text/html": findings_html(rows),
    }
