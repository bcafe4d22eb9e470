"""What is learnt of some rows, what is read only, and what is cut off."""

from __future__ import annotations

import textwrap

from nbtune.events import Previewed
from nbtune.panels.html import render
from nbtune.plots.texts import short
from nbtune.records import Preview

KINDS = {
    "target": "learnt",
    "against": "to be said less",
    "context": "read only",
    "cut": "cut off",
}
MARKS = {
    "target": ("«", "»"),
    "against": ("[less: ", "]"),
    "context": ("", ""),
    "cut": ("[cut: ", "]"),
}
LONGEST = 300
LONGEST_IN_TEXT = 600


def preview_html(preview: Previewed | Preview | None) -> str:
    """Return the rows with their pieces in colours and lines of their own; empty without rows."""
    if preview is None:
        return ""
    pictures = preview.pictures or ("",) * len(preview.rows)
    rows = [
        (row, [(kind, short(visible(text), LONGEST)) for kind, text in pieces], picture)
        for row, pieces, picture in zip(preview.rows, preview.pieces, pictures, strict=True)
    ]
    there = {kind for pieces in preview.pieces for kind, _ in pieces}
    return render(
        "preview.html.j2", rows=rows, kinds=[(k, name) for k, name in KINDS.items() if k in there]
    )


def preview_lines(preview: Previewed | Preview | None) -> list[str]:
    """Return the same as lines of at most 80 characters: what is learnt stands in «»."""
    lines = []
    for row, pieces in zip(preview.rows, preview.pieces, strict=True) if preview else ():
        marked = ((MARKS[kind][0], short(visible(text)), MARKS[kind][1]) for kind, text in pieces)
        text = f"row {row}, learnt in «»: {''.join(part for each in marked for part in each)}"
        told = short(text, LONGEST_IN_TEXT)
        lines += textwrap.wrap(told, 80, initial_indent="  ", subsequent_indent="    ")
    return lines


def visible(text: str) -> str:
    r"""Return a text with the ends of its lines as signs.

    Examples
    --------
    >>> visible("one\ntwo")
    'one↵ two'
    """
    return text.replace("\r\n", "\n").replace("\n", "↵ ")
