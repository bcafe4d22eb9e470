"""Which column holds the text, and which the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from nbtune.errors import DataError, did_you_mean

TEXT_NAMES = (
    "text", "sentence", "content", "review", "message", "body", "document", "comment", "tweet",
    "question", "title", "description", "sms", "email",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "label_text", "target", "class", "category", "topic", "sentiment", "intent",
    "tag", "y", "stars", "rating",
)  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """The columns in use; ``inferred`` says so when nobody named them."""

    text: str
    label: str
    inferred: bool = False


def infer_columns(
    frame: pd.DataFrame, text: str | None = None, label: str | None = None
) -> Columns:
    """Take the named columns, or find them: by their usual names, then by what they hold.

    Raises
    ------
    DataError
        When a named column is missing, or it is not plain which one is meant.
    """
    columns = [str(name) for name in frame.columns]
    for role, name in (("text", text), ("label", label)):
        if name is not None:
            _refuse_missing(role, name, columns)
    found_label = label or _by_name(columns, LABEL_NAMES, text)
    found_text = text or _by_name(columns, TEXT_NAMES, found_label)
    found_text = found_text or _only(_wordy(frame, found_label), "text", columns)
    found_label = found_label or _only(_repeating(frame, found_text), "label", columns)
    return Columns(found_text, found_label, inferred=text is None or label is None)


def infer_text(frame: pd.DataFrame, text: str | None = None) -> str:
    """Take the named column of the texts, or find it, in rows that need no labels.

    Raises
    ------
    DataError
        As `infer_columns`.
    """
    columns = [str(name) for name in frame.columns]
    if text is not None:
        _refuse_missing("text", text, columns)
        return text
    return _by_name(columns, TEXT_NAMES, None) or _only(_wordy(frame, None), "text", columns)


def _refuse_missing(role: str, name: str, columns: Sequence[str]) -> None:
    if name not in columns:
        raise DataError(
            f"{role}: there is no column {name!r}; the data has {', '.join(columns)}",
            hint=did_you_mean(name, columns),
        )


def _by_name(columns: Sequence[str], usual: Sequence[str], taken: str | None) -> str | None:
    lowered = {name.lower(): name for name in columns if name != taken}
    return next((lowered[name] for name in usual if name in lowered), None)


def _wordy(frame: pd.DataFrame, taken: str | None) -> list[str]:
    """Return the text columns whose cells have more than two words on average."""
    sample = frame.head(200)
    return [
        str(name)
        for name in frame.columns
        if name != taken
        and all(isinstance(cell, str) for cell in sample[name].dropna())
        and sample[name].dropna().map(lambda cell: len(cell.split())).mean() > 2
    ]


def _repeating(frame: pd.DataFrame, taken: str) -> list[str]:
    """Return the columns whose values come back often, as labels do."""
    sample = frame.head(5_000)
    most = max(2, len(sample) // 4)
    return [
        str(name)
        for name in frame.columns
        if name != taken
        and not pd.api.types.is_float_dtype(sample[name])
        and 1 < sample[name].astype(str).nunique() <= most
    ]


def _only(candidates: list[str], role: str, columns: Sequence[str]) -> str:
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        problem = f"{role}: it could be any of {', '.join(candidates)}"
    else:
        problem = f"{role}: no column looks like it; the data has {', '.join(columns)}"
    raise DataError(problem, hint=f"name it: {role}: {(candidates or list(columns) or ['…'])[0]}")
