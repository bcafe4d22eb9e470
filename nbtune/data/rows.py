"""What a task asks of its rows: which columns, which rows can be used, which labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.recipe import Recipe

Roles = Mapping[str, Any]
"""Columns of a user's frame by the setting of the recipe that names them."""


@dataclass(frozen=True)
class Found:
    """The columns in use by their roles; ``inferred`` says so when nobody named them.

    ``note`` says what else was recognised, such as a shape that data sets have.
    """

    roles: Roles
    inferred: bool = False
    note: str = ""


def _written(cell: Any) -> str:
    """Write a cell as JSON; lists are arrays once they come back from disk."""
    return json.dumps(cell, default=lambda array: array.tolist(), sort_keys=True)


@dataclass(frozen=True)
class Rows:
    """The rows of a task, from a user's frame to what is written into the folder of a run.

    There every role is a column, and ``row`` says where each row stood in the user's data.

    Attributes
    ----------
    inputs, targets : tuple of str
        Roles: what the model is given, and what is true. They are settings of the recipe.
    find : callable
        (frame, columns that were named) to the columns in use.
    usable : callable
        (frame, columns, recipe, what errors call it) to the rows that can be learnt from, and a
        notice of those that cannot; raises DataError naming all that is wrong.
    labels : callable
        (training rows) to the names of labels, in the order of their ids; empty for none.
    labels_of : callable
        (rows) to the labels of each row; none where what is true has no name.
    strata : callable
        (rows) to a text a row: splits and samples have these in proportion.
    texts : callable
        (rows) to what each one says: rows that come twice are found by it, and a tokenizer for a
        new model is trained on it.
    given : callable
        (texts or other inputs that nobody labelled, recipe) to rows.
    asked : callable
        (recipe) to the parts of what ``given`` takes, by role, with what one may write there; of
        several one text has them with ``|||`` between.
    unlabelled : callable
        (frame without labels, columns, recipe) to rows; columns are found where they have others.
    scale : callable, optional
        (training rows) to mean and deviation of numbers that are learnt.
    steps : callable, optional
        (training rows) to the lowest and the highest of numbers that are steps of a scale, None
        for any other numbers.
    groups : callable, optional
        (rows) to a text a row: rows that have the same one stay in the same split.
    seen : callable, optional
        (rows) to a text a row, as another task may have had it in training; by default ``texts``.
    content : callable, optional
        (rows) to a text a row that changes with what the row holds, where that is more than its
        columns say, as of files; rows that come twice are found by it.
    named : callable, optional
        (rows) to what corrections call the truth of each row; without it rows are found by what
        they say alone.
    relabelled : callable, optional
        What a correction calls new labels to the cell of them, raising ValueError for what names
        none; without it rows are corrected in no other way than by leaving them out.
    opened : callable, optional
        (rows) to the same with what they only point at until then, as of texts that lie in files;
        those that are held out are opened as they are set apart.
    at_once : int
        Rows that are made into examples together.
    is_closed : bool
        Whether rows with labels that no training row has are refused; else they are said.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    find: Callable[[pd.DataFrame, Roles], Found]
    usable: Callable[[pd.DataFrame, Roles, Recipe, str], tuple[pd.DataFrame, str]]
    labels: Callable[[pd.DataFrame], tuple[str, ...]]
    labels_of: Callable[[pd.DataFrame], list[Sequence[str]]]
    strata: Callable[[pd.DataFrame], list[str]]
    texts: Callable[[pd.DataFrame], list[str]]
    given: Callable[[Any, Recipe], pd.DataFrame]
    unlabelled: Callable[[pd.DataFrame, Roles, Recipe], pd.DataFrame]
    asked: Callable[[Recipe], Mapping[str, str]] = lambda recipe: {"text": "a text"}
    scale: Callable[[pd.DataFrame], tuple[float, float]] | None = None
    steps: Callable[[pd.DataFrame], tuple[float, float] | None] | None = None
    groups: Callable[[pd.DataFrame], list[str]] | None = None
    seen: Callable[[pd.DataFrame], list[str]] | None = None
    content: Callable[[pd.DataFrame], list[str]] | None = None
    named: Callable[[pd.DataFrame], list[str]] | None = None
    relabelled: Callable[[str], Any] | None = None
    opened: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    at_once: int = 1_000
    is_closed: bool = True

    def identity(self, rows: pd.DataFrame) -> list[str]:
        """Return a text a row that two rows share where they hold the same."""
        return (self.content or self.texts)(rows)

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles."""
        return (*self.inputs, *self.targets)

    def keys(self, rows: pd.DataFrame) -> list[str]:
        """Return all that each row says and what is true of it, as text: equal for equal rows."""
        truths = [map(_written, rows[role]) for role in self.targets if role in rows]
        parts = zip(map(_written, self.identity(rows)), *truths, strict=True)
        return ["\n".join(own) for own in parts]
