"""Questions about texts that hold their answers, as rows: one question a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.cleaning import clean_text
from nbtune.data.faults import (
    LONE,
    Check,
    Faults,
    Told,
    cells_of,
    check_text,
    checked_rows,
    has_lone_surrogate,
    is_missing,
    whole_number,
)
from nbtune.data.rows import Found, Roles, Rows
from nbtune.data.spelled import AS_LISTS, BROKEN, is_broken, read_spelled
from nbtune.data.texts import BETWEEN
from nbtune.errors import DataError, did_you_mean
from nbtune.recipe import Recipe

NAMES = {
    "question": ("question", "query"),
    "context": ("context", "passage", "paragraph", "document", "text"),
    "answers": ("answers", "answer", "answer_text"),
    "answer_start": ("answer_start", "answer_starts", "start"),
}
"""What columns are usually called, by role."""
_NEEDED = ("question", "context", "answers")
_ELSEWHERE = "an answer that does not stand where answer_start says"
_ABSENT = "an answer that is not in the context"
_TWICE = "an answer that stands in the context more than once, and no answer_start"
_NO_ANSWER = "no answer (where there is none to be found, write an empty list: [])"
_UNEQUAL = "as many starts as answers missing"
_NO_PLACE = "an answer_start that is no whole number"


def find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find questions, contexts and answers by their names, and by their usual ones.

    Raises
    ------
    DataError
        When columns are missing.
    """
    roles = _columns(frame, named)
    if missing := [role for role in _NEEDED if role not in roles]:
        raise DataError(
            f"there is no column of {' and none of '.join(missing)}; the data has "
            f"{', '.join(frame.columns[:12])}",
            hint="name it: " + ", ".join(f"{role}: ..." for role in missing),
        )
    return Found(roles, inferred=not {*_NEEDED} <= set(named))


def _columns(frame: pd.DataFrame, named: Roles) -> dict[str, Any]:
    columns = list(frame.columns)
    if wrong := {role: name for role, name in named.items() if name not in columns}:
        role, name = next(iter(wrong.items()))
        raise DataError(
            f"{role}: there is no column {name!r}; the data has {', '.join(columns[:12])}",
            hint=did_you_mean(str(name), columns),
        )
    roles = dict(named)
    for role, usual in NAMES.items():
        free = [name for name in usual if name in columns and name not in roles.values()]
        if role not in roles and free:
            roles[role] = free[0]
    return roles


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    checks: dict[str, tuple[list[Any], Check]] = {
        "question": (cells_of(frame[str(roles["question"])]), _question_check(recipe)),
        "context": (cells_of(frame[str(roles["context"])]), _check_context),
        "answers": (cells_of(frame[str(roles["answers"])]), _check_answers),
    }
    if roles.get("answer_start") is not None:
        checks["answer_start"] = (cells_of(frame[str(roles["answer_start"])]), _check_starts)
    kept: list[dict[str, Any]] = []

    def agree(row: dict[str, Any]) -> tuple[str, Any]:
        fault, shown = _place(row)
        if not fault:
            kept.append(row)
        return fault, shown

    _, notice = checked_rows(
        frame, checks, hint=_hint, drop_bad_rows=recipe.drop_bad_rows, what=what, agree=agree
    )
    columns = ["row", "question", "context", "answers", "answer_start"]
    return pd.DataFrame(kept, columns=columns), notice


def _question_check(recipe: Recipe) -> Check:
    return lambda cell: check_text(cell, lambda one: clean_text(one, recipe.clean), "question")


def _check_context(cell: Any) -> tuple[str, Any]:
    """Take a context as it is, so that offsets stay true."""
    if is_missing(cell) or not isinstance(cell, str) or not cell.strip():
        return "no context", ""
    return (LONE if has_lone_surrogate(cell) else ""), cell


def _check_answers(cell: Any) -> tuple[str, Any]:
    """Read answers as (text, start or None); an empty list says that there is none."""
    if is_broken(cell):
        return BROKEN, []
    cell = read_spelled(cell)
    if isinstance(cell, Mapping):
        if "text" not in cell:
            return "answers without a text", []
        texts, starts = _listed(cell["text"]), _listed(cell.get("answer_start"))
        if texts and starts and len(starts) != len(texts):
            return _UNEQUAL, []
        cell = list(zip(texts, starts or [None] * len(texts), strict=False))
    if not isinstance(cell, list | np.ndarray):
        cell = [cell]
    pairs = [_parted(one) for one in cell]
    if not all(
        isinstance(text, str) and text.strip() and not has_lone_surrogate(text) for text, _ in pairs
    ):
        return _NO_ANSWER, []
    fault, places = _read_starts([start for _, start in pairs])
    return fault, [(text, place) for (text, _), place in zip(pairs, places, strict=False)]


def _parted(one: Any) -> tuple[Any, Any]:
    if isinstance(one, Mapping):
        return one.get("text"), one.get("answer_start")
    return one if isinstance(one, tuple) else (one, None)


def _check_starts(cell: Any) -> tuple[str, Any]:
    return _read_starts(_listed(read_spelled(cell)))


def _read_starts(cells: list[Any]) -> tuple[str, list[int | None]]:
    """Read starts; a negative one, or none, says that it is not known."""
    places = [-1 if is_missing(one) or one == "" else whole_number(one) for one in cells]
    if None in places:
        return _NO_PLACE, []
    return "", [place if place is not None and place >= 0 else None for place in places]


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list | tuple | np.ndarray):
        return list(value)
    return [] if is_missing(value) or value == "" else [value]


def _place(row: dict[str, Any]) -> tuple[str, Any]:
    """Find where the answers of a row begin; the row is changed in place."""
    context, starts = row["context"], row.pop("answer_start", [])
    texts, places = [], []
    if row["answers"] and len(starts) > len(row["answers"]):
        told = f"{len(starts)} starts of {len(row['answers'])} answers"
        return _UNEQUAL, Told(told)
    for number, (text, own) in enumerate(row["answers"]):
        start = own if own is not None else starts[number] if number < len(starts) else None
        there = [] if start is None else context[start : start + len(text)]
        if start is not None and there != text:
            at = context.find(text)
            stands = f"which stands at {at}" if at >= 0 else "which stands nowhere"
            return _ELSEWHERE, Told(f"{there[:30]!r} at {start}, not {text[:30]!r}, {stands}")
        if start is None:
            start = context.find(text)
            if start < 0:
                return _ABSENT, text
            if context.find(text, start + 1) >= 0:
                return _TWICE, text
        texts.append(text)
        places.append(start)
    row["answers"], row["answer_start"] = texts, places
    return "", None


def _hint(faults: Faults, left: bool) -> str:
    if BROKEN in faults:
        return AS_LISTS
    if _NO_PLACE in faults:
        return "answer_start counts characters from 0; -1 or nothing says that it is not known"
    if _ELSEWHERE in faults:
        return (
            "answer_start counts characters from 0; leave it out where answers stand in their "
            "context only once: df.drop(columns='answer_start'), or texts alone as answers"
        )
    if _TWICE in faults:
        return "say which one is meant: answer_start, the character from 0 where it begins"
    if _ABSENT in faults:
        return "an answer is a piece of its context, letter by letter; or drop_bad_rows: true"
    return "mend them, or leave them out with drop_bad_rows: true"


def _labels(rows: pd.DataFrame) -> tuple[str, ...]:
    """Answers have no names; rows that teach nothing but silence are refused."""
    if not any(len(answers) for answers in rows["answers"]):
        raise DataError(
            f"answers: none of the {len(rows)} training rows has one",
            hint="is it the right column? name it: answers: ...",
        )
    return ()


def _strata(rows: pd.DataFrame) -> list[str]:
    return ["answered" if len(answers) else "not" for answers in rows["answers"]]


def texts_of(rows: pd.DataFrame) -> list[str]:
    """Return what the rows say, question and context as one."""
    pairs = zip(rows["question"], rows["context"], strict=True)
    return [f"{question}{BETWEEN}{context}" for question, context in pairs]


def _given(asked: Any, recipe: Recipe) -> pd.DataFrame:
    """Return questions with their contexts as rows.

    Raises
    ------
    DataError
        Naming the first thing that is none.
    """
    one = isinstance(asked, str | Mapping) or (
        isinstance(asked, tuple) and len(asked) == 2 and all(isinstance(x, str) for x in asked)
    )
    pairs = [_pair(each, place) for place, each in enumerate([asked] if one else asked)]
    questions = [clean_text(question, recipe.clean) for question, _ in pairs]
    contexts = [context for _, context in pairs]
    return pd.DataFrame({"question": questions, "context": contexts}, dtype=object)


def _pair(asked: Any, place: int) -> tuple[str, str]:
    one = asked
    if isinstance(one, str):
        one = [part.strip() for part in one.split(BETWEEN.strip())]
    elif isinstance(one, Mapping):
        one = (one.get("question"), one.get("context"))
    parts = list(one) if isinstance(one, list | tuple) else []
    if len(parts) != 2 or not all(isinstance(part, str) and part.strip() for part in parts):
        raise DataError(
            f"row {place} is {str(asked)[:60]!r}, not a question and its context",
            hint=f'give (question, context), or one text: "When was it?{BETWEEN}the context"',
        )
    return parts[0], parts[1]


def _unlabelled(frame: pd.DataFrame, roles: Roles, recipe: Recipe) -> pd.DataFrame:
    inputs = ("question", "context")
    named = {role: roles[role] for role in inputs if roles.get(role) in frame}
    found = _columns(frame, named)
    if missing := [role for role in inputs if role not in found]:
        raise DataError(
            f"there is no column of {missing[0]}; the data has {', '.join(frame.columns[:12])}",
            hint=f"call it {missing[0]}",
        )
    return _given(list(zip(*(frame[found[role]] for role in inputs), strict=True)), recipe)


ASKED = Rows(
    inputs=("question", "context"),
    targets=("answers", "answer_start"),
    find=find,
    usable=_usable,
    labels=_labels,
    labels_of=lambda rows: [()] * len(rows),
    strata=_strata,
    texts=texts_of,
    given=_given,
    asked=lambda recipe: {"question": "When was it?", "context": "a text that says so"},
    unlabelled=_unlabelled,
    groups=lambda rows: list(rows["context"]),
)
