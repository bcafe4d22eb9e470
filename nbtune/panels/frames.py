"""The first rows of a frame as a table, whatever its columns."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nbtune.panels.answered import Answered
from nbtune.panels.html import number, render
from nbtune.panels.pictured import Pictured
from nbtune.plots.texts import short

MOST_ROWS, MOST_COLUMNS = 10, 6
LONGEST, WORD = 160, 24


def frame_html(frame: pd.DataFrame) -> str:
    """Return the face of a frame that has one of ours, else its first rows and columns."""
    if isinstance(frame, Answered | Pictured):
        return frame._repr_html_()
    names = list(frame.columns[:MOST_COLUMNS])
    shown = frame[names].head(MOST_ROWS).itertuples(index=False)
    rows = [[(text := _cell(cell), len(text) > WORD) for cell in row] for row in shown]
    return render(
        "frame.html.j2",
        heads=[(str(name), _is_number(frame[name])) for name in names],
        rows=rows,
        count=len(frame),
        left=len(frame.columns) - len(names),
    )


def _is_number(column: Any) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


def _cell(cell: Any) -> str:
    return number(cell) if isinstance(cell, float) else short(str(cell), LONGEST)
