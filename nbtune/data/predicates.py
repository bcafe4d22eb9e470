"""The word of a sentence that roles are roles of: which one it is, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.faults import Told, is_missing, whole_number
from nbtune.data.marks import FIRST, MARKS, Place
from nbtune.data.spans import places_in
from nbtune.data.spelled import read_spelled
from nbtune.errors import DataError
from nbtune.recipe import Recipe


def check_predicate(cell: Any) -> tuple[str, Any]:
    """Read the place of a word, its name, or a 0 or 1 a word; see `nbtune.data.faults.Check`."""
    cell = read_spelled(cell)
    if isinstance(cell, str | float) and (number := whole_number(cell)) is not None:
        cell = number  # else a text is the word itself
    if isinstance(cell, list | tuple | np.ndarray):
        marks = [one.item() if isinstance(one, np.generic) else one for one in cell]
        return (
            ("", marks)
            if set(marks) <= {0, 1}
            else ("a predicate of other marks than 0 and 1", None)
        )
    if isinstance(cell, bool) or is_missing(cell) or not isinstance(cell, int | str):
        return "no predicate", None
    return ("", cell) if cell != "" else ("no predicate", None)


def agree_on_predicate(row: dict[str, Any]) -> tuple[str, Any]:
    """Turn the predicate of a row into its first word and the word behind it, in place."""
    cell, words = row["predicate"], list(row["tokens"])
    if isinstance(cell, list):
        if len(cell) != len(words):
            told = Told(f"{len(cell)} of {len(words)} words")
            return "as many marks of a predicate as words missing", told
        found = [place for place, mark in enumerate(cell) if mark]
        if not found:
            return "no word marked as its predicate", None
        if found != list(range(found[0], found[-1] + 1)):
            return "words of a predicate that are apart", Told(f"words {found}")
        row["predicate"] = [found[0], found[-1] + 1]
        return "", None
    if isinstance(cell, str):
        found = [place for place, word in enumerate(words) if word == cell]
        if len(found) != 1:
            return f"a predicate that stands {'twice' if found else 'nowhere'} in its words", cell
        cell = found[0]
    if not 0 <= cell < len(words):
        return "a predicate outside the words", Told(f"{cell} of {len(words)} words")
    row["predicate"] = [cell, cell + 1]
    return "", None


def predicates_in(rows: pd.DataFrame, places: Sequence[Sequence[Place]]) -> list[Place]:
    """Return from which character to before which the predicate of each row stands."""
    return [
        (own[first][0], own[last - 1][1])
        for own, (first, last) in zip(places, rows["predicate"], strict=True)
    ]


def without_predicate(recipe: Recipe) -> Recipe:
    """Return the recipe as it is for words alone."""
    return recipe.model_copy(update={"predicate": None})


def with_predicates(asked: Any, read: Callable[[list[Any]], pd.DataFrame]) -> pd.DataFrame:
    """Return texts or words with their predicates as rows.

    Parameters
    ----------
    asked
        (text or words, predicate), mappings of ``tokens`` or ``text`` and ``predicate``, or texts
        in which it is marked: ``She [E1] gave [/E1] him a book``; one or several.
    read : callable
        Texts to rows with ``text`` and ``tokens``.

    Raises
    ------
    DataError
        Naming what has no predicate that can be used.
    """
    is_one = isinstance(asked, str | Mapping) or (isinstance(asked, tuple) and len(asked) == 2)
    pairs = [_pair(one, place) for place, one in enumerate([asked] if is_one else asked)]
    rows = read([text for text, _ in pairs])
    found, wrong = [], []
    for place, (_, predicate) in enumerate(pairs):
        row = {"tokens": list(rows["tokens"].iloc[place]), "predicate": predicate}
        if isinstance(predicate, slice):
            row["predicate"] = _marked_words(rows["text"].iloc[place], row["tokens"], predicate)
            fault, shown = agree_on_predicate(row)
        else:
            fault, row["predicate"] = check_predicate(predicate)
            fault, shown = (fault, predicate) if fault else agree_on_predicate(row)
        if fault:
            wrong.append(f"{fault} (text {place}{'' if shown is None else f', {shown}'})")
        found.append(row["predicate"])
    if wrong:
        raise DataError(
            f"{len(wrong)} of {len(pairs)} texts cannot be used: {'; '.join(wrong[:5])}",
            hint="a predicate is the place of its word from 0, or a list of 0 and 1, one a word",
        )
    return rows.assign(predicate=pd.Series(found, dtype=object))


def _pair(one: Any, place: int) -> tuple[Any, Any]:
    if isinstance(one, Mapping):
        one = (one.get("tokens", one.get("text")), one.get("predicate"))
    if isinstance(one, list | tuple) and len(one) == 2:
        return one[0], one[1]
    begin, end = FIRST
    text = one if isinstance(one, str) else ""
    before, _, rest = text.partition(f"{begin}")
    inside, _, after = rest.partition(f"{end}")
    if not inside.strip() or any(mark in before + inside + after for mark in MARKS):
        raise DataError(
            f"text {place} is {str(one)[:60]!r}, which has no predicate",
            hint=f'mark one, "She {begin} gave {end} him a book", or give (words, its place)',
        )
    # The marks and one space on their inner side go; the text is as it was.
    inner = inside.strip()
    return f"{before}{inner}{after}", slice(len(before), len(before) + len(inner))


def _marked_words(text: str, words: Sequence[str], where: slice) -> list[int]:
    places = places_in(text, words)
    return [int(a < where.stop and b > where.start) for a, b in places]
