"""Prompts with an answer that is preferred and one that is not, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from nbtune.data.chats import CHATS
from nbtune.data.faults import Check, Faults, cells_of, checked_rows
from nbtune.data.rows import Found, Roles, Rows
from nbtune.data.turns import (
    ANSWERS,
    EMPTY_PROMPT,
    Turn,
    answer_of,
    asked_of,
    check_chat,
    cleaner,
    read_turns,
    readable,
    told_first,
)
from nbtune.errors import DataError, did_you_mean
from nbtune.recipe import Recipe

NAMES = {
    "prompt": ("prompt", "question", "instruction", "query", "input"),
    "chosen": ("chosen", "preferred", "accepted"),
    "rejected": ("rejected", "dispreferred", "refused"),
    "system": ("system",),
}
"""What columns are usually called, by role."""
_WHOLE = {"chosen": "chosen and rejected", "completion": "completion"}
_SAME = "chosen equal to rejected"
_OTHER = "chosen and rejected to different prompts"


def _find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find prompts and both answers; where these are whole chats they hold the prompt.

    Raises
    ------
    DataError
        When columns are missing.
    """
    columns = list(frame.columns)
    refuse_unknown(frame, named)
    roles = dict(named)
    for role, usual in NAMES.items():
        free = [name for name in usual if name in columns and name not in roles.values()]
        if role not in roles and free:
            roles[role] = free[0]
    if missing := [role for role in ("chosen", "rejected") if role not in roles]:
        raise DataError(
            f"there is no column of {' and none of '.join(missing)}; the data has "
            f"{', '.join(columns[:12])}",
            hint="name it: "
            + ", ".join(f"{role}: ..." for role in missing)
            + "; of one answer a row, completion: ... and label: ... (true where it is liked)",
        )
    refuse_without_prompt(frame, roles, "chosen")
    return Found(roles, inferred=not {"chosen", "rejected"} <= set(named))


def refuse_unknown(frame: pd.DataFrame, named: Roles) -> None:
    """Refuse columns that are not there.

    Raises
    ------
    DataError
        Naming the first of them.
    """
    columns = list(frame.columns)
    for role, name in named.items():
        for one in [name] if isinstance(name, str) else name:
            if one not in columns:
                raise DataError(
                    f"{role}: there is no column {one!r}; the data has {', '.join(columns[:12])}",
                    hint=did_you_mean(str(one), columns),
                )


def refuse_without_prompt(frame: pd.DataFrame, roles: Roles, side: str) -> None:
    """Refuse answers to no prompt: neither a column of them, nor whole chats as answers.

    Raises
    ------
    DataError
        Saying so.
    """
    if "prompt" not in roles and not _are_chats(frame, str(roles[side])):
        raise DataError(
            f"there is no column of prompts; the data has {', '.join(list(frame.columns)[:12])}",
            hint=f"name it: prompt: ..., or give whole chats as {_WHOLE[side]}",
        )


def _are_chats(frame: pd.DataFrame, column: str) -> bool:
    """Whether answers come with what was asked before them."""
    chats = (read_turns(cell, ANSWERS) for cell in cells_of(frame[column].head(50)))
    return any(isinstance(chat, list) and len(chat) > 1 for chat in chats)


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    checks: dict[str, tuple[Sequence[Any], Check]] = {
        side: (readable(chats_of(frame, roles, side)), _checked(recipe, side))
        for side in ("chosen", "rejected")
    }
    kept: list[dict[str, Any]] = []

    def agree(row: dict[str, Any]) -> tuple[str, Any]:
        asked = [asked_of(row[side]) for side in checks]
        if not all(turn["content"] for turn in asked[1] if turn["role"] != ANSWERS):
            return EMPTY_PROMPT, None
        answers = [answer_of(row[side]) for side in checks]
        if asked[0] != asked[1]:
            return _OTHER, [turns[-1]["content"] for turns in asked]
        if answers[0] == answers[1]:
            return _SAME, answers[0]
        kept.append(
            {
                "row": row["row"],
                "messages": asked[0],
                "chosen": answers[0],
                "rejected": answers[1],
            }
        )
        return "", None

    _, notice = checked_rows(
        frame, checks, hint=_hint, drop_bad_rows=recipe.drop_bad_rows, what=what, agree=agree
    )
    return pd.DataFrame(kept, columns=["row", "messages", "chosen", "rejected"]), notice


def chats_of(frame: pd.DataFrame, roles: Roles, side: str) -> list[Any]:
    """Return prompt and one answer of each row as a chat, as far as they can be read."""
    answers = [read_turns(cell, ANSWERS) for cell in cells_of(frame[str(roles[side])])]
    if "prompt" in roles:
        prompts = _prompts(frame, roles)
        # Whole chats that have a prompt beside them say it twice.
        chats = [
            answer if _is_whole(answer) or not isinstance(answer, list) else [*prompt, *answer]
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
    else:
        chats = answers
    if roles.get("system") in frame:
        words = cells_of(frame[str(roles["system"])])
        chats = [told_first(one, chat) for one, chat in zip(words, chats, strict=True)]
    return chats


def _prompts(frame: pd.DataFrame, roles: Roles) -> list[Any]:
    asked = [read_turns(cell, "user") for cell in cells_of(frame[str(roles["prompt"])])]
    return [one if isinstance(one, list) else [one] for one in asked]


def _is_whole(answer: Any) -> bool:
    return isinstance(answer, list) and len(answer) > 1


def _checked(recipe: Recipe, side: str) -> Check:
    def check(chat: Any) -> tuple[str, Any]:
        fault, turns = check_chat(chat, cleaner(recipe))
        if fault == EMPTY_PROMPT and side != "chosen":  # said once is enough
            return "", turns
        if not fault and turns[-1]["role"] != ANSWERS:
            fault = f"a {side} chat that ends with a question"
        return (fault.replace("answer", f"{side} answer"), turns)

    return check


def _hint(faults: Faults, left: bool) -> str:
    if _SAME in faults and len(faults) == 1:
        return "nothing is preferred there; leave such rows out with drop_bad_rows: true"
    if not left:
        return (
            "no row is left; are these the right columns? prompt: ..., chosen: ..., rejected: ..."
        )
    return "mend them, or leave them out with drop_bad_rows: true"


def both_chats(rows: pd.DataFrame) -> list[tuple[list[Turn], list[Turn]]]:
    """Return each row as two whole chats, the one that is preferred first."""
    return [
        (with_answer(asked, chosen), with_answer(asked, rejected))
        for asked, chosen, rejected in zip(
            rows["messages"], rows["chosen"], rows["rejected"], strict=True
        )
    ]


def with_answer(asked: Any, answer: str) -> list[Turn]:
    """Return what was asked with an answer to it."""
    return [*asked_of(asked), {"role": ANSWERS, "content": answer}]


def _texts(rows: pd.DataFrame) -> list[str]:
    asked = CHATS.texts(rows)
    sides = zip(asked, rows["chosen"], rows["rejected"], strict=True)
    return ["\n\n".join(parts) for parts in sides]


def _seen(rows: pd.DataFrame) -> list[str]:
    """Return prompt and preferred answer, as a chat says them that was learnt before."""
    return ["\n\n".join(turn["content"] for turn in chosen) for chosen, _ in both_chats(rows)]


PREFERENCES = Rows(
    inputs=("messages", "prompt", "system"),
    targets=("chosen", "rejected"),
    find=_find,
    usable=_usable,
    labels=lambda rows: (),
    labels_of=lambda rows: [() for _ in range(len(rows))],
    strata=lambda rows: ["" for _ in range(len(rows))],
    texts=_texts,
    given=CHATS.given,
    asked=CHATS.asked,
    unlabelled=CHATS.unlabelled,
    groups=CHATS.groups,
    seen=_seen,
)
