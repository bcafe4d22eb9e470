"""Texts with two marked spans and what relates them, as rows: one pair of spans a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.checking import check_label, label_names
from nbtune.data.cleaning import clean_text
from nbtune.data.columns import LABEL_NAMES, TEXT_NAMES
from nbtune.data.faults import (
    Check,
    Faults,
    Told,
    cells_of,
    check_text,
    checked_rows,
    is_missing,
    whole_number,
)
from nbtune.data.marks import NAMES, holds_marks, in_our_marks, marked, unmarked
from nbtune.data.rows import Found, Roles, Rows
from nbtune.data.spans import places_in
from nbtune.data.spelled import (
    AS_LISTS,
    BROKEN,
    is_broken,
    is_list,
    listed_words,
    read_spelled,
    spells_lists,
)
from nbtune.errors import DataError, did_you_mean
from nbtune.recipe import Recipe

TOKENS_NAMES = ("tokens", "token", "words")
RELATION_NAMES = ("relation", "relation_type", "rel", *LABEL_NAMES)
SPAN_NAMES = {
    "head": ("head", "h", "head_span", "subj", "subject", "e1", "entity1", "entity_1", "arg1"),
    "tail": ("tail", "t", "tail_span", "obj", "object", "e2", "entity2", "entity_2", "arg2"),
}
_ENDS = (("start", "end"), ("start", "stop"), ("begin", "end"))
NONE_NAMES = ("no_relation", "no relation", "other", "none", "na", "n/a", "o", "null")
"""What a label is called, in small letters, that says there is no relation."""
_LAST_WORD_SHARE = 0.1
"""So many spans of words end where they begin where their end is the last word."""

Span = tuple[int, int] | str
"""From where to before where, or the words themselves."""


def find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find texts or words, both spans and the label, by their names and by their usual ones.

    Raises
    ------
    DataError
        When columns are missing, all of them named.
    """
    roles, marks_in = _inputs(frame, named)
    label = named.get("label") or _first(RELATION_NAMES, frame, set(_flat(roles.values())))
    if label is not None:
        roles["label"] = label
    missing = ["label"] if label is None else []
    missing = [*_missing(roles, marks_in), *missing]
    if missing:
        raise DataError(
            f"there is no column of {' and none of '.join(missing)}; the data has "
            f"{', '.join(map(str, frame.columns[:12]))}",
            hint="name them: head: ..., tail: ..., label: ..., or mark the spans in the text: "
            "[E1] cat [/E1] ... [E2] mat [/E2]",
        )
    note = "the end of a span is its last word" if ends_are_last(frame, roles) else ""
    return Found(roles, inferred=not set(roles) <= set(named), note=note)


def _missing(roles: Roles, marks_in: bool) -> list[str]:
    spans = [] if marks_in else [role for role in NAMES if role not in roles]
    return [*([] if {"text", "tokens"} & set(roles) else ["text"]), *spans]


def _inputs(frame: pd.DataFrame, named: Roles) -> tuple[dict[str, Any], bool]:
    """Return the columns of the inputs, and whether the spans are marked in the text."""
    columns = list(frame.columns)
    wanted = {name for name in _flat(named.values()) if name not in columns}
    if wanted:
        told = ", ".join(map(repr, sorted(wanted)))
        raise DataError(
            f"there is no column {told}; the data has {', '.join(map(str, columns[:12]))}",
            hint=did_you_mean(sorted(wanted)[0], columns),
        )
    roles = {role: named[role] for role in ("text", "tokens", *NAMES) if role in named}
    if not {"text", "tokens"} & set(roles):
        words = _first(TOKENS_NAMES, frame, set())
        text = _first(TEXT_NAMES, frame, set())
        if words is not None and _lists(frame[words]):
            roles["tokens"] = words
        elif text is not None:
            roles["text"] = text
    spans = {role: roles.get(role) or _span_columns(role, columns) for role in NAMES}
    is_marked = "text" in roles and _is_marked(frame[roles["text"]])
    if is_marked and not all(spans.values()) and not set(NAMES) & set(roles):
        return roles, True
    return roles | {role: name for role, name in spans.items() if name is not None}, False


def _flat(names: Any) -> list[str]:
    return [
        one for name in names for one in (name if isinstance(name, tuple | list) else [name]) if one
    ]


def _first(usual: Sequence[str], frame: pd.DataFrame, taken: set[str]) -> str | None:
    return next((name for name in usual if name in frame and name not in taken), None)


def _lists(column: pd.Series[Any]) -> bool:
    return spells_lists(column) or any(map(is_list, column.head(20)))


def _is_marked(column: pd.Series[Any]) -> bool:
    return any(isinstance(cell, str) and holds_marks(cell) for cell in column.head(200))


def _span_columns(role: str, columns: Sequence[str]) -> str | tuple[str, str] | None:
    for name in SPAN_NAMES[role]:
        if name in columns:
            return name
        for begin, end in _ENDS:
            if f"{name}_{begin}" in columns and f"{name}_{end}" in columns:
                return f"{name}_{begin}", f"{name}_{end}"
    return None


def is_meant(frame: pd.DataFrame) -> bool:
    """Whether the columns of a frame can only be meant for relations.

    Examples
    --------
    >>> is_meant(pd.DataFrame(columns=["text", "head", "tail", "relation"]))
    True
    >>> is_meant(pd.DataFrame(columns=["text", "label"]))
    False
    """
    roles, marks_in = _inputs(frame, {})
    first = frame.head(20)
    if marks_in:
        return all(isinstance(one, str) and holds_marks(one) for one in first[roles["text"]])
    if not {*NAMES} <= set(roles) or not {"text", "tokens"} & set(roles):
        return False
    cells = (_read_span(cell) for role in NAMES for cell in _span_cells(first, roles[role]))
    return {*NAMES} <= set(frame.columns) or all(isinstance(cell, tuple) for cell in cells)


def ends_are_last(frame: pd.DataFrame, roles: Roles) -> bool:
    """Whether the end of a span of words is its last word, as in TACRED, not the word behind it.

    Told by spans that end where they begin: those of one word.
    """
    if "tokens" not in roles or not {*NAMES} <= set(roles):
        return False
    cells = [_read_span(cell) for role in NAMES for cell in _span_cells(frame, roles[role])]
    spans = [cell for cell in cells if isinstance(cell, tuple)]
    return sum(start == end for start, end in spans) > _LAST_WORD_SHARE * len(spans)


def none_label_of(frame: pd.DataFrame, roles: Roles) -> str | None:
    """Return the label that says there is no relation, by its usual names; None for none."""
    there = {str(label).strip().lower(): str(label).strip() for label in frame[roles["label"]]}
    return next((there[name] for name in NONE_NAMES if name in there), None)


def _span_cells(frame: pd.DataFrame, name: Any) -> list[Any]:
    if isinstance(name, str):
        return cells_of(frame[name])
    return list(zip(*(cells_of(frame[one]) for one in name), strict=True))


def _read_span(cell: Any) -> Span | None:
    """Read a span as (start, end), a dict of them or of ``pos``, JSON of these, or its words."""
    if isinstance(cell, str):
        # A word may begin with a bracket.
        bare = cell.strip()
        found = read_spelled(f"[{bare[1:-1]}]" if bare[:1] + bare[-1:] == "()" else bare)
        return _read_span(found) if not isinstance(found, str) else bare or None
    if isinstance(cell, Mapping):
        ends = [cell.get(name) for name in ("start", "end")]
        cell = cell["pos"] if ends == [None, None] and "pos" in cell else ends
    if isinstance(cell, list | tuple | np.ndarray) and len(cell) == 3:
        cell = cell[2]  # FewRel: a name, an id, and where it stands, all of its mentions
        while len(cell) and isinstance(cell[0], list | tuple | np.ndarray):
            cell = cell[0]
        cell = [cell[0], cell[-1] + 1] if len(cell) else None
    if not isinstance(cell, list | tuple | np.ndarray) or len(cell) != 2:
        return None
    # In a file of text numbers are texts.
    start, end = (None if is_missing(one) else whole_number(one) for one in cell)
    return None if start is None or end is None else (start, end)


def _span_check(role: str) -> Check:
    def check(cell: Any) -> tuple[str, Any]:
        found = _read_span(cell)
        return (f"no {role} (start and end)", None) if found is None else ("", found)

    return check


def _check_tokens(cell: Any) -> tuple[str, Any]:
    if is_broken(cell):
        return BROKEN, []
    words = listed_words(cell)
    if not isinstance(words, list | tuple | np.ndarray) or not len(words):
        return "no words", []
    if any(not isinstance(word, str) or not word.strip() for word in words):
        return "a word that is no text", []
    return "", list(words)


def _rows(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str, *, drop: bool, labelled: bool
) -> tuple[pd.DataFrame, str]:
    """Return rows with their spans marked, and a notice of those that cannot be used."""
    checks: dict[str, tuple[list[Any], Check]] = {}
    if "tokens" in roles:
        checks["tokens"] = (cells_of(frame[str(roles["tokens"])]), _check_tokens)
    else:
        texts = cells_of(frame[str(roles["text"])])
        checks["text"] = (texts, lambda cell: check_text(cell, lambda one: one))
    for role in NAMES:
        if role in roles:
            checks[role] = (_span_cells(frame, roles[role]), _span_check(role))
    if labelled:
        checks["label"] = (cells_of(frame[str(roles["label"])]), check_label)
    kept: list[dict[str, Any]] = []

    def agree(row: dict[str, Any]) -> tuple[str, Any]:
        text, fault, shown = _marked_row(row, recipe)
        if not fault:
            label = {"label": row["label"]} if labelled else {}
            kept.append({"row": row["row"], "text": text, **label})
        return fault, shown

    _, notice = checked_rows(
        frame, checks, hint=_hint(roles, labelled), drop_bad_rows=drop, what=what, agree=agree
    )
    columns = ["row", "text", *(["label"] if labelled else [])]
    return pd.DataFrame(kept, columns=columns), notice


def _marked_row(row: Mapping[str, Any], recipe: Recipe) -> tuple[str, str, Any]:
    """Return the text with its spans marked, what is wrong with it, and what shows that."""
    text = row["text"] if "text" in row else " ".join(row["tokens"])
    if not any(role in row for role in NAMES):
        found, fault = in_our_marks(text)
    elif holds_marks(text):
        return "", "spans of columns and marks in the text as well", text
    else:
        places = []
        for role in NAMES:
            place, fault, shown = _place(row, role, text, recipe)
            if fault:
                return "", fault, shown
            places.append(place)
        if fault := _meeting(places):
            return "", fault, Told(f"{text[slice(*places[0])]!r} and {text[slice(*places[1])]!r}")
        found, fault = in_our_marks(marked(text, places))
    if not fault:
        # What is cleaned out may leave a span empty.
        found, fault = in_our_marks(clean_text(found, recipe.clean))
    return found, fault, text


def _place(
    row: Mapping[str, Any], role: str, text: str, recipe: Recipe
) -> tuple[tuple[int, int], str, Any]:
    """Return where a span stands in the text, what is wrong with it, and what shows that."""
    span, nowhere = row[role], (0, 0)
    if isinstance(span, str):
        at = text.find(span)
        if at < 0:
            return nowhere, f"a {role} that is not in the text", span
        if text.find(span, at + 1) >= 0:
            return nowhere, f"a {role} that stands in the text more than once", span
        return (at, at + len(span)), "", None
    start, end = span
    length = len(row["tokens"]) if "tokens" in row else len(text)
    unit = "words" if "tokens" in row else "characters"
    if "tokens" in row and recipe.span_ends == "inclusive":
        end += 1
    shown = Told(f"{span} of {length} {unit}")
    if not 0 <= start <= length or not 0 <= end <= length:
        return nowhere, f"a {role} outside the text", shown
    if end <= start:
        return nowhere, f"an empty {role}", shown
    if "tokens" in row:
        places = places_in(text, row["tokens"])
        start, end = places[start][0], places[end - 1][1]
    if not text[start:end].strip():
        return nowhere, f"an empty {role}", shown
    return (start, end), "", None


def _meeting(places: Sequence[tuple[int, int]]) -> str:
    (start, end), (other, last) = sorted(places)
    if (start, end) == (other, last):
        return "a head that is the tail as well"
    return "a head and a tail that overlap" if other < end else ""


def _hint(roles: Roles, labelled: bool) -> Callable[[Faults, bool], str]:
    # What is asked has an answer a row: none can be left out.
    or_leave = "; or drop_bad_rows: true" if labelled else ""

    def hint(faults: Faults, left: bool) -> str:
        told = " ".join(faults)
        if BROKEN in faults:
            return AS_LISTS
        if "outside the text" in told or "an empty head" in told or "an empty tail" in told:
            if "tokens" not in roles:
                return f"count characters from 0; the end is not part of the span{or_leave}"
            return (
                "count words from 0; the end is the word behind the span (span_ends: inclusive "
                f"where it is its last one){or_leave}"
            )
        if "more than once" in told and "stands" in told:
            return "say which one is meant: (start, end), as characters from 0"
        if "no marked spans" in told or "no [" in told:
            return f"mark both: [E1] cat [/E1] sat on the [E2] mat [/E2]{or_leave}"
        return f"mend them{or_leave}"

    return hint


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    return _rows(frame, roles, recipe, what, drop=recipe.drop_bad_rows, labelled=True)


def _given(asked: Any, recipe: Recipe) -> pd.DataFrame:
    """Return marked texts, (text, head, tail) or mappings of these as rows.

    Raises
    ------
    DataError
        Naming all that are none.
    """
    is_one = isinstance(asked, str | Mapping) or (
        isinstance(asked, tuple) and len(asked) == 3 and isinstance(asked[0], str)
    )
    items = [asked] if is_one else list(asked)
    if items and all(isinstance(one, Mapping) for one in items):
        return _unlabelled(pd.DataFrame(items), {}, recipe)
    if items and all(isinstance(one, tuple | list) and len(one) == 3 for one in items):
        frame = pd.DataFrame({"text": [one[0] for one in items]})
        for place, role in enumerate(NAMES, 1):
            frame[role] = pd.Series([one[place] for one in items], dtype=object)
        return _unlabelled(frame, {}, recipe)
    return _asked(pd.DataFrame({"text": pd.Series(items, dtype=object)}), {"text": "text"}, recipe)


def _asked(frame: pd.DataFrame, roles: Roles, recipe: Recipe) -> pd.DataFrame:
    rows, _ = _rows(frame, roles, recipe, "texts", drop=False, labelled=False)
    return rows[["text"]]


def _unlabelled(frame: pd.DataFrame, roles: Roles, recipe: Recipe) -> pd.DataFrame:
    there = {
        role: name
        for role, name in roles.items()
        if role != "label" and all(one in frame for one in _flat([name]))
    }
    found, marks_in = _inputs(frame, there)
    if missing := _missing(found, marks_in):
        raise DataError(
            f"there is no column of {' and none of '.join(missing)}; the data has "
            f"{', '.join(map(str, frame.columns[:12]))}",
            hint="give head and tail, or texts in which the spans are marked: "
            "[E1] cat [/E1] ... [E2] mat [/E2]",
        )
    return _asked(frame, found, recipe)


RELATED = Rows(
    inputs=("text", "tokens", "head", "tail"),
    targets=("label",),
    find=find,
    usable=_usable,
    labels=lambda rows: label_names(list(rows["label"])),
    labels_of=lambda rows: [(label,) for label in rows["label"]],
    strata=lambda rows: list(rows["label"]),
    texts=lambda rows: list(rows["text"]),
    given=_given,
    asked=lambda recipe: {"text": "The [E1] cat [/E1] sat on the [E2] mat [/E2]."},
    unlabelled=_unlabelled,
    groups=lambda rows: [unmarked(text) for text in rows["text"]],
    named=lambda rows: list(rows["label"]),
    relabelled=str,
)
