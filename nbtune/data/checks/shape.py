"""What rows of a task are looked through for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from nbtune.data.checks.found import Meant
from nbtune.data.rows import Rows
from nbtune.recipe import Recipe


@dataclass(frozen=True)
class Shape:
    """What rows of a task are looked through for.

    Attributes
    ----------
    said, truth : callable
        Usable rows to what each says, and to what is true of it, as texts.
    names : callable, optional
        Usable rows to the labels of each, which are counted.
    checks : callable
        (usable rows by split, where each split begins) to what only such rows can have wrong.
    conflict : tuple of str
        How grave it is that the same text has another truth too, and what that is called.
    has_labels : bool
        Whether what is true are labels, of which some can be rare or spelled anew.
    has_near : bool
        Whether texts that are almost the same say almost the same; questions about one context are
        not.
    written : callable, optional
        Usable rows to what a model is to write of each.
    is_apart : bool
        Whether that has a limit on its tokens of its own; else it follows what is said.
    is_cut : bool
        Whether what is longer than ``max_length`` is lost, not read in parts.
    called, beside : callable, optional
        Usable rows to what each is called, where ``said`` is a fingerprint, and to texts beside
        it.
    opened : callable, optional
        (frame, columns, recipe, split, progress) to usable rows, as `Rows.usable` has them, with
        more columns where each has to be opened anyway, which takes time.
    rewritten : str
        The role of the texts that are written anew where that mends them.
    suited : callable
        (frame, recipe) to the recipe with what reading the rows asks for.
    """

    rows: Rows
    truth: Callable[[pd.DataFrame], list[str]]
    conflict: tuple[str, str]
    checks: Callable[[Mapping[str, pd.DataFrame], Mapping[str, int]], Iterator[Meant]]
    said: Callable[[pd.DataFrame], list[str]] | None = None
    names: Callable[[pd.DataFrame], list[Sequence[str]]] | None = None
    has_labels: bool = False
    has_near: bool = True
    written: Callable[[pd.DataFrame], list[str]] | None = None
    is_apart: bool = False
    is_cut: bool = True
    called: Callable[[pd.DataFrame], list[str]] | None = None
    beside: Callable[[pd.DataFrame], list[str]] | None = None
    opened: Callable[..., tuple[pd.DataFrame, str]] | None = None
    rewritten: str = ""
    suited: Callable[[pd.DataFrame, Recipe], dict[str, Any]] = field(
        default=lambda frame, recipe: {}
    )
