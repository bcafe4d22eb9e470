"""Texts as rows, with nothing said of them: what language is learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from nbtune.data.cleaning import clean_text
from nbtune.data.columns import FILE, infer_text
from nbtune.data.faults import Faults, cells_of, check_text, checked_rows
from nbtune.data.rows import Found, Roles, Rows
from nbtune.data.texts import given, unlabelled
from nbtune.recipe import Recipe

KEPT = ("control", "unicode")
"""How texts are cleaned that are to be written on: lines and indents are part of them."""
FEWEST_FILES = 20
"""From so many files on, rows of a file stay in the same split; of fewer none could be spared."""


def _find(frame: pd.DataFrame, named: Roles) -> Found:
    return Found({"text": infer_text(frame, named.get("text"))}, named.get("text") is None)


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    def check(cell: Any) -> tuple[str, Any]:
        return check_text(cell, lambda one: clean_text(one, recipe.clean))

    rows, notice = checked_rows(
        frame,
        {"text": (cells_of(frame[str(roles["text"])]), check)},
        hint=_hint(roles["text"]),
        drop_bad_rows=recipe.drop_bad_rows,
        what=what,
    )
    return (rows.assign(file=list(frame.loc[rows["row"], FILE])) if FILE in frame else rows), notice


def _hint(column: str) -> Callable[[Faults, bool], str]:
    def hint(faults: Faults, left: bool) -> str:
        if left:
            return "leave them out with drop_bad_rows: true"
        return f"no row is left; is {column!r} the right column?"

    return hint


def _groups(rows: pd.DataFrame) -> list[str]:
    """Return the file of each row, where there are enough; else every row stands alone."""
    if "file" in rows and rows["file"].nunique() >= FEWEST_FILES:
        return list(rows["file"])
    return [str(row) for row in rows["row"]]


PLAIN = Rows(
    inputs=("text",),
    targets=(),
    find=_find,
    usable=_usable,
    labels=lambda rows: (),
    labels_of=lambda rows: [() for _ in range(len(rows))],
    strata=lambda rows: ["" for _ in range(len(rows))],
    texts=lambda rows: list(rows["text"]),
    given=given,
    asked=lambda recipe: (
        {"text": "a text; gaps to be filled are [MASK]"}
        if recipe.task == "fill-mask"
        else {"text": "how a text begins"}
    ),
    unlabelled=unlabelled,
    groups=_groups,
)
