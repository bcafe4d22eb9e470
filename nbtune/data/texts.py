"""Texts, or pairs of them, as rows; with one label each, where nothing else is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from nbtune.data.checking import label_names, usable_rows
from nbtune.data.cleaning import clean_text, clean_texts
from nbtune.data.columns import Columns, infer_columns, infer_text
from nbtune.data.faults import Check, cells_of, check_text
from nbtune.data.rows import Found, Roles, Rows
from nbtune.errors import DataError
from nbtune.recipe import Recipe

INPUTS = ("text", "text_pair")
BETWEEN = " ||| "
"""Parts the two texts of a pair where they are written as one."""


def find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find text and label; see `nbtune.data.columns.infer_columns`."""
    columns = infer_columns(
        frame, named.get("text"), named.get("label"), text_pair=named.get("text_pair")
    )
    roles = {
        role: name
        for role, name in asdict(columns).items()
        if role != "inferred" and not (role == "text_pair" and name is None)
    }
    return Found(roles, columns.inferred)


def inputs_checked(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe
) -> dict[str, tuple[list[Any], Check]]:
    """Return the cells of each input with their check; see `nbtune.data.faults.checked_rows`."""

    def check(cell: Any) -> tuple[str, Any]:
        return check_text(cell, lambda one: clean_text(one, recipe.clean))

    return {role: (cells_of(frame[str(roles[role])]), check) for role in INPUTS if role in roles}


def texts_of(rows: pd.DataFrame) -> list[str]:
    """Return what the rows say, the texts of a pair as one."""
    if "text_pair" not in rows:
        return list(rows["text"])
    return [f"{a}{BETWEEN}{b}" for a, b in zip(rows["text"], rows["text_pair"], strict=True)]


def given(texts: Any, recipe: Recipe) -> pd.DataFrame:
    """Return texts, or pairs where the run has learnt from pairs, as rows.

    Raises
    ------
    DataError
        Naming the first thing that is none.
    """
    if recipe.text_pair is None:
        return pd.DataFrame({"text": clean_texts(as_texts(texts), recipe.clean)}, dtype=object)
    pairs = [_pair(one, place) for place, one in enumerate(_listed(texts))]
    columns = {
        role: clean_texts([pair[place] for pair in pairs], recipe.clean)
        for place, role in enumerate(INPUTS)
    }
    return pd.DataFrame(columns, dtype=object)


def _asked(recipe: Recipe) -> dict[str, str]:
    if recipe.text_pair is None:
        return {"text": "a text"}
    return {"text": "the first text", "text_pair": "the second one"}


def unlabelled(frame: pd.DataFrame, roles: Roles, recipe: Recipe) -> pd.DataFrame:
    """Return the texts, or pairs, of a frame that needs no labels as rows."""
    named = roles["text"] if roles.get("text") in frame else None
    if recipe.text_pair is None:
        return given(list(frame[infer_text(frame, named)]), recipe)
    second = roles.get("text_pair")
    missing = [name for name in (roles["text"], second) if name not in frame]
    if missing:
        raise DataError(
            f"there is no column {missing[0]!r}; the data has {', '.join(frame.columns[:12])}",
            hint=f"the run learnt from pairs: name them {roles['text']} and {second}",
        )
    return given(list(zip(frame[roles["text"]], frame[second], strict=True)), recipe)


def as_texts(texts: Iterable[str]) -> list[str]:
    """Check that these are texts.

    Raises
    ------
    DataError
        Naming the first thing that is not one.
    """
    found = _listed(texts)
    bad = [i for i, text in enumerate(found) if not isinstance(text, str)]
    if bad:
        raise DataError(
            f"text {bad[0]} is {found[bad[0]]!r}, not a text ({len(bad)} such rows)",
            hint="leave them out, or turn them into texts",
        )
    return found


def _listed(texts: Any) -> list[Any]:
    return [texts] if isinstance(texts, str) else list(texts)


def _pair(one: Any, place: int) -> tuple[str, str]:
    parts = one.split(BETWEEN.strip()) if isinstance(one, str) else one
    is_pair = isinstance(parts, list | tuple) and len(parts) == 2
    if not is_pair or not all(isinstance(part, str) for part in parts):
        raise DataError(
            f"text {place} is {str(one)[:60]!r}, not a pair of texts, which this run learnt from",
            hint=f'give (first, second), or one text: "first{BETWEEN}second"',
        )
    return parts[0].strip(), parts[1].strip()


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    return usable_rows(
        frame,
        Columns(**roles),
        lambda one: clean_text(one, recipe.clean),
        drop_bad_rows=recipe.drop_bad_rows,
        what=what,
    )


def _label_of_each(rows: pd.DataFrame) -> list[Sequence[str]]:
    return [(label,) for label in rows["label"]]


LABELLED = Rows(
    inputs=INPUTS,
    targets=("label",),
    find=find,
    usable=_usable,
    labels=lambda rows: label_names(list(rows["label"])),
    labels_of=_label_of_each,
    strata=lambda rows: list(rows["label"]),
    texts=texts_of,
    given=given,
    asked=_asked,
    unlabelled=unlabelled,
    named=lambda rows: list(rows["label"]),
    relabelled=str,
)
