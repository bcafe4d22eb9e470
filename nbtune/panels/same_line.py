"""The line of a cell that does what a page did, to be copied into a notebook that others run."""

from __future__ import annotations

import shlex

import ipywidgets as widgets

from nbtune.panels.html import render

WORDS = "the same in a cell:"


class SameLine:
    """A line with a button that copies it; nothing where there is no line yet."""

    def __init__(self) -> None:
        self.line = ""
        self.box = widgets.HTML()

    def show(self, line: str = "") -> None:
        """Show another line, or none."""
        if line != self.line:
            self.line = line
            self.box.value = render("line.html.j2", line=line, words=WORDS) if line else ""


def asking(magic: str, name: str, text: str, options: str = "") -> str:
    r"""Return the line that asks ``name`` about a text, the cell where a line cannot hold it.

    Examples
    --------
    >>> asking("predict", "topics@1", "a small animal")
    '%predict topics@1 "a small animal"'
    >>> asking("predict", "topics@1", "first\nsecond")
    '%%predict topics@1\nfirst\nsecond\n---'
    """
    head = " ".join([magic, name])
    if "\n" in text or text.startswith("-"):
        return f"%%{head}\n{text}" + ("\n---" if "\n" in text else "")
    return " ".join(filter(None, [f"%{head}", quoted(text), options]))


def quoted(text: str) -> str:
    """Put a text into quotes, as the line of a magic reads them."""
    return shlex.quote(text) if any(sign in text for sign in '"\\`$') else f'"{text}"'


def word(text: str) -> str:
    """Write a name as a word of a line, in quotes where it needs them."""
    return text if shlex.quote(text) == text else quoted(text)
