"""Texts with a number each, as rows: stars, similarities, prices."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data import texts
from nbtune.data.faults import Faults, cells_of, checked_rows, is_missing
from nbtune.data.rows import Roles
from nbtune.data.texts import LABELLED
from nbtune.errors import DataError
from nbtune.recipe import Recipe

WIDEST = 20
"""From the lowest to the highest step of a scale at most; beyond it, whole numbers are counts."""


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    return checked_rows(
        frame,
        {
            **texts.inputs_checked(frame, roles, recipe),
            "label": (cells_of(frame[str(roles["label"])]), _number),
        },
        hint=_hint,
        drop_bad_rows=recipe.drop_bad_rows,
        what=what,
    )


def _number(cell: Any) -> tuple[str, float]:
    if is_missing(cell):
        return "no number", 0.0
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return f"a {type(cell).__name__} for a number", 0.0
    try:
        found = float(cell)
    except ValueError:
        return "a text for a number", 0.0
    return ("", found) if math.isfinite(found) else ("a number without end", 0.0)


def _hint(faults: Faults, left: bool) -> str:
    if not left:
        return "regression learns numbers; leave problem_type out to learn the labels as names"
    return "mend them, or leave them out with drop_bad_rows: true"


def scale_of(rows: pd.DataFrame) -> tuple[float, float]:
    """Return mean and deviation.

    Raises
    ------
    DataError
        When all numbers are the same.
    """
    numbers = rows["label"].to_numpy(dtype=np.float64)
    mean, deviation = float(numbers.mean()), float(numbers.std())
    if deviation == 0:
        raise DataError(
            f"label: all {len(rows)} training rows have the number {mean:g}",
            hint="is it the right column? name it: label: ...",
        )
    return mean, deviation


def steps_of(rows: pd.DataFrame) -> tuple[float, float] | None:
    """Return the lowest and the highest step where all numbers are steps of a scale, as stars are.

    Examples
    --------
    >>> steps_of(pd.DataFrame({"label": [1, 2, 5.0]})), steps_of(pd.DataFrame({"label": [1, 2.5]}))
    ((1.0, 5.0), None)
    """
    numbers = rows["label"].to_numpy(dtype=np.float64)
    lowest, highest = float(numbers.min()), float(numbers.max())
    are_whole = bool((numbers == np.floor(numbers)).all())
    return (lowest, highest) if are_whole and 2 <= highest - lowest <= WIDEST else None


NUMBERED = replace(
    LABELLED,
    usable=_usable,
    labels=lambda rows: (),
    labels_of=lambda rows: [() for _ in range(len(rows))],
    strata=lambda rows: [""] * len(rows),
    scale=scale_of,
    steps=steps_of,
    named=None,
    relabelled=None,
)
