"""Prompts with one answer each, which somebody liked or did not, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from nbtune.data.chats import CHATS
from nbtune.data.faults import Check, Faults, cells_of, checked_rows, is_missing
from nbtune.data.preferences import NAMES as PAIR_NAMES
from nbtune.data.preferences import (
    PREFERENCES,
    chats_of,
    refuse_unknown,
    refuse_without_prompt,
    with_answer,
)
from nbtune.data.rows import Found, Roles
from nbtune.data.turns import answer_of, asked_of, check_chat, cleaner, readable
from nbtune.recipe import Recipe

NAMES = {
    "prompt": PAIR_NAMES["prompt"],
    "completion": ("completion", "response", "answer", "output"),
    "label": ("label", "liked", "thumbs_up", "desirable", "feedback"),
    "system": PAIR_NAMES["system"],
}
"""What columns are usually called, by role."""
_SAID = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "liked", "good", "up", "\N{THUMBS UP SIGN}"), True),
    **dict.fromkeys(
        ("false", "0", "0.0", "no", "not liked", "disliked", "bad", "down", "\N{THUMBS DOWN SIGN}",
         "-1", "-1.0"),
        False,
    ),
}  # fmt: skip
_LOOKED_AT = 50


def columns_of_liked(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return the columns of answers and of whether they are liked; none where there are pairs."""
    named = {role: getattr(recipe, role) for role in NAMES}
    if {"chosen", "rejected"} & {*map(str, frame.columns)} or recipe.chosen or recipe.rejected:
        return {}
    found = {
        role: named[role] or next((name for name in NAMES[role] if name in frame), None)
        for role in ("completion", "label")
    }
    if not all(isinstance(name, str) for name in found.values()):
        return {}
    # Where most cells say it, those that do not are named as faults.
    if named["label"] is None and not says_whether_liked(frame, str(found["label"]), 0.5):
        return {}
    usual = {} if "loss_type" in recipe.model_fields_set else {"loss_type": "kto"}
    return found | usual


def is_liked(frame: pd.DataFrame) -> bool:
    """Whether a frame can only be one of answers that somebody liked or did not."""
    is_answered = "prompt" in frame and bool({"completion", "response"} & {*frame.columns})
    return is_answered and any(says_whether_liked(frame, n) for n in NAMES["label"] if n in frame)


def says_whether_liked(frame: pd.DataFrame, column: str, share: float = 1.0) -> bool:
    """Whether that share of the cells of a column says yes or no, or shows thumbs."""
    cells = [cell for cell in cells_of(frame[column].head(_LOOKED_AT)) if not is_missing(cell)]
    return bool(cells) and sum(_is_liked(one) is not None for one in cells) >= share * len(cells)


def _is_liked(cell: Any) -> bool | None:
    return _SAID.get(str(cell).strip().lower())


def _find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find prompts, answers, and whether these are liked.

    Raises
    ------
    DataError
        When columns are missing.
    """
    refuse_unknown(frame, named)
    roles = dict(named)
    for role, usual in NAMES.items():
        free = [name for name in usual if name in frame and name not in roles.values()]
        if role not in roles and free:
            roles[role] = free[0]
    refuse_without_prompt(frame, roles, "completion")
    return Found(roles, "prompt" not in named, "data: answers that somebody liked or did not")


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    checks: dict[str, tuple[Sequence[Any], Check]] = {
        "messages": (
            readable(chats_of(frame, roles, "completion")),
            lambda chat: check_chat(chat, cleaner(recipe)),
        ),
        "label": (cells_of(frame[str(roles["label"])]), _check_liked),
    }
    rows, notice = checked_rows(
        frame, checks, hint=_hint, drop_bad_rows=recipe.drop_bad_rows, what=what
    )
    asked = pd.Series([asked_of(chat) for chat in rows["messages"]], rows.index, dtype=object)
    answers = [answer_of(chat) for chat in rows["messages"]]
    rows = rows.assign(messages=asked, completion=answers, label=rows["label"].astype(bool))
    return rows[["row", "messages", "completion", "label"]], notice


def _check_liked(cell: Any) -> tuple[str, Any]:
    if is_missing(cell):
        return "nothing that says whether the answer is liked", False
    said = _is_liked(cell)
    return ("neither true nor false as a label", False) if said is None else ("", said)


def _hint(faults: Faults, left: bool) -> str:
    if not left:
        return (
            "no row is left; are these the right columns? prompt: ..., completion: ..., label: ..."
        )
    return "a label is true (liked) or false; leave rows out with drop_bad_rows: true"


def _texts(rows: pd.DataFrame) -> list[str]:
    asked = CHATS.texts(rows)
    return ["\n\n".join(parts) for parts in zip(asked, rows["completion"], strict=True)]


def _seen(rows: pd.DataFrame) -> list[str]:
    """Return prompt and answer, as a chat says them that was learnt before."""
    chats = map(with_answer, rows["messages"], rows["completion"])
    return ["\n\n".join(turn["content"] for turn in chat) for chat in chats]


LIKED = replace(
    PREFERENCES,
    targets=("completion", "label"),
    find=_find,
    usable=_usable,
    strata=lambda rows: ["liked" if one else "not liked" for one in rows["label"]],
    texts=_texts,
    seen=_seen,
)
