"""Texts with one label each, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from nbtune.data.checking import label_names, usable_rows
from nbtune.data.cleaning import clean_text, clean_texts
from nbtune.data.columns import Columns, infer_columns, infer_text
from nbtune.data.rows import Found, Roles, Rows
from nbtune.errors import DataError
from nbtune.recipe import Recipe


def find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find text and label; see `nbtune.data.columns.infer_columns`."""
    columns = infer_columns(frame, named.get("text"), named.get("label"))
    roles = {role: name for role, name in asdict(columns).items() if role != "inferred"}
    return Found(roles, columns.inferred)


def as_texts(texts: Iterable[str]) -> list[str]:
    """Check that these are texts.

    Raises
    ------
    DataError
        Naming the first thing that is not one.
    """
    if isinstance(texts, str):
        return [texts]
    found = list(texts)
    bad = [i for i, text in enumerate(found) if not isinstance(text, str)]
    if bad:
        raise DataError(
            f"text {bad[0]} is {found[bad[0]]!r}, not a text ({len(bad)} such rows)",
            hint="leave them out, or turn them into texts",
        )
    return found


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


def _given(texts: Any, recipe: Recipe) -> pd.DataFrame:
    return pd.DataFrame({"text": clean_texts(as_texts(texts), recipe.clean)}, dtype=object)


def _unlabelled(frame: pd.DataFrame, roles: Roles, recipe: Recipe) -> pd.DataFrame:
    named = roles["text"] if roles.get("text") in frame else None
    return _given(list(frame[infer_text(frame, named)]), recipe)


def _label_of_each(rows: pd.DataFrame) -> list[Sequence[str]]:
    return [(label,) for label in rows["label"]]


LABELLED = Rows(
    inputs=("text",),
    targets=("label",),
    find=find,
    usable=_usable,
    labels=lambda rows: label_names(list(rows["label"])),
    labels_of=_label_of_each,
    strata=lambda rows: list(rows["label"]),
    texts=lambda rows: list(rows["text"]),
    given=_given,
    unlabelled=_unlabelled,
)
