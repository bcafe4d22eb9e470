"""Fields and buttons as the pages of nbtune have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets


def text_field(label: str, hint: str, *, at_once: bool = False) -> Any:
    """Make a field for a line of text; ``at_once`` tells of every key, else of Enter and Tab."""
    return widgets.Text(
        description=label,
        placeholder=hint,
        continuous_update=at_once,
        layout=widgets.Layout(width="300px"),
        style={"description_width": "45px"},
    )


def rows_field(names: Sequence[str], hint: str = "a variable, a file, topics") -> Any:
    """Make a field for rows: a variable, a file, or rows of ours; other words are allowed."""
    return widgets.Combobox(
        description="data",
        placeholder=hint,
        options=tuple(names),
        ensure_option=False,
        layout=widgets.Layout(width="300px"),
        style={"description_width": "45px"},
    )


def dropdown(label: str, options: Sequence[str]) -> Any:
    """Make a field for one of some words."""
    return widgets.Dropdown(
        options=options,
        description=label,
        layout=widgets.Layout(width="220px"),
        style={"description_width": "60px"},
    )


def button(words: str, icon: str, pressed: Callable[[Any], None], tooltip: str) -> Any:
    """Make a button as wide as its words."""
    layout = widgets.Layout(width="auto")
    made = widgets.Button(description=words, icon=icon, tooltip=tooltip, layout=layout)
    made.on_click(pressed)
    return made


def side_by_side(*members: Any) -> Any:
    """Set fields side by side, in as many lines as they need."""
    layout = widgets.Layout(flex_flow="row wrap", align_items="center", grid_gap="0 6px")
    return widgets.HBox(members, layout=layout)


def kept(line: str) -> str:
    """Keep the columns of a line in line: a page would take several spaces for one."""
    return line.replace(" ", "\N{NO-BREAK SPACE}")
