"""Chats as rows: lists of turns, or what was asked and what was answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from nbtune.data.faults import Check, cells_of, checked_rows, is_missing
from nbtune.data.rows import Found, Roles, Rows
from nbtune.data.turns import (
    ANSWERS,
    answers_until,
    as_turns,
    asked_of,
    check_chat,
    check_turns,
    cleaner,
    hint_for,
    is_words,
    read_turns,
    readable,
    told_first,
)
from nbtune.errors import DataError, did_you_mean
from nbtune.recipe import Recipe

MESSAGES_NAMES = ("messages", "conversations", "conversation", "chat", "dialogue", "dialog")
PAIR_NAMES = (
    (("instruction", "input"), "output"),
    (("instruction",), "output"), (("instruction",), "response"), (("instruction",), "answer"),
    (("prompt",), "completion"), (("prompt",), "response"), (("prompt",), "answer"),
    (("question",), "answer"), (("question",), "response"), (("query",), "response"),
    (("input",), "output"),
)  # fmt: skip
"""What the columns of prompts and answers are called together; the first that are there count."""


def is_chat(frame: pd.DataFrame, named: Roles) -> bool:
    """Whether there are columns of chats, or of prompts and answers to them."""
    if "messages" in named or "completion" in named:
        return True
    return _messages_column(frame) is not None or _pair_columns(frame, named) is not None


def are_chats(frame: pd.DataFrame, recipe: Recipe) -> bool:
    """Whether rows that are written on are chats, or prompts with answers, not plain texts."""
    named = {role: name for role in CHATS.roles if (name := getattr(recipe, role)) is not None}
    return bool(named) or (recipe.text is None and is_chat(frame, named))


def _find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find chats, or prompts and answers, by their names and by their usual ones.

    Raises
    ------
    DataError
        When columns are missing.
    """
    columns = list(frame.columns)
    every = {name: role for role, given in named.items() for name in _listed(given)}
    if wrong := next((name for name in every if name not in columns), None):
        raise DataError(
            f"{every[wrong]}: there is no column {wrong!r}; the data has {', '.join(columns[:12])}",
            hint=did_you_mean(wrong, columns),
        )
    system = named.get("system") or ("system" if "system" in columns else None)
    others = {} if system is None else {"system": system}
    if not {"prompt", "completion"} & set(named):
        messages = named.get("messages") or _messages_column(frame)
        if messages is not None:
            roles = {"messages": messages, **others}
            return Found(roles, "messages" not in named, _shape(frame, messages))
    pair = _pair_columns(frame, named)
    if pair is None:
        raise DataError(
            f"there are no chats, nor prompts with answers; the data has {', '.join(columns[:12])}",
            hint="name them: messages: ..., or prompt: ... and completion: ...",
        )
    inferred = not {"prompt", "completion"} <= set(named)
    note = "data: as Alpaca has it" if pair == PAIR_NAMES[0] else "data: prompts and answers"
    return Found({"prompt": pair[0], "completion": pair[1], **others}, inferred, note)


def _messages_column(frame: pd.DataFrame) -> str | None:
    """Return the column whose cells are lists of turns."""
    for name in MESSAGES_NAMES:
        if name in frame and any(as_turns(cell) for cell in cells_of(frame[name].head(50))):
            return name
    return None


def _pair_columns(frame: pd.DataFrame, named: Roles) -> tuple[Any, str] | None:
    prompt, answer = named.get("prompt"), named.get("completion")
    if prompt is not None and answer is not None:
        return prompt, answer
    columns = {str(name).lower(): str(name) for name in frame.columns}
    for prompts, completion in PAIR_NAMES:
        own = [columns[name] for name in prompts if name in columns]
        found = answer or columns.get(completion)
        if prompt is not None and found is not None and found in frame:
            return prompt, found
        if len(own) == len(prompts) and found is not None and found not in own:
            return (own[0] if len(own) == 1 else tuple(own)), found
    return None


def _shape(frame: pd.DataFrame, column: str) -> str:
    """Say as what chats were taken, in words of those who share data."""
    lists = (as_turns(cell) for cell in cells_of(frame[column].head(50)))
    first: Mapping[str, Any] = next((turns[0] for turns in lists if turns), {})
    return f"data: chats{' as ShareGPT has them' if 'from' in first else ''}"


def _usable(
    frame: pd.DataFrame, roles: Roles, recipe: Recipe, what: str
) -> tuple[pd.DataFrame, str]:
    checks: dict[str, tuple[Sequence[Any], Check]] = {
        "messages": (readable(_chats_in(frame, roles)), _checked(recipe))
    }
    rows, notice = checked_rows(
        frame,
        checks,
        hint=hint_for,
        drop_bad_rows=recipe.drop_bad_rows,
        what=what,
    )
    last = [answers_until(chat) for chat in rows["messages"]]
    after = sum(len(chat) > end for chat, end in zip(rows["messages"], last, strict=True))
    kept = [chat[:end] for chat, end in zip(rows["messages"], last, strict=True)]
    if after:
        told = f"{what}: of {after} chats the end is left out, which nobody answered"
        notice = "; ".join(filter(None, [notice, told]))
    return rows.assign(messages=pd.Series(kept, index=rows.index, dtype=object)), notice


def _chats_in(frame: pd.DataFrame, roles: Roles, *, answered: bool = True) -> list[Any]:
    """Return one list of turns a row, as far as the cells can be read as such."""
    if "messages" in roles:
        chats = [read_turns(cell, "user") for cell in cells_of(frame[str(roles["messages"])])]
    else:
        asked = [cells_of(frame[name]) for name in _listed(roles["prompt"])]
        chats = [read_turns(_below(parts), "user") for parts in zip(*asked, strict=True)]
        if answered:
            answers = [read_turns(c, ANSWERS) for c in cells_of(frame[str(roles["completion"])])]
            chats = [_joined(one, other) for one, other in zip(chats, answers, strict=True)]
    if roles.get("system") in frame:
        words = cells_of(frame[str(roles["system"])])
        chats = [told_first(one, chat) for one, chat in zip(words, chats, strict=True)]
    return chats


def _below(parts: Sequence[Any]) -> Any:
    """Return the texts of several columns one below the other, without empty ones."""
    if len(parts) == 1:
        return parts[0]
    wrong = next((p for p in parts if not isinstance(p, str) and not is_missing(p)), None)
    return wrong if wrong is not None else "\n\n".join(p for p in parts if is_words(p))


def _joined(one: Any, other: Any) -> Any:
    return [*one, *other] if isinstance(one, list) and isinstance(other, list) else [one, other]


def _checked(recipe: Recipe) -> Check:
    return lambda cell: check_chat(cell, cleaner(recipe))


def _texts(rows: pd.DataFrame) -> list[str]:
    return ["\n\n".join(turn["content"] for turn in chat) for chat in rows["messages"]]


def _groups(rows: pd.DataFrame) -> list[str]:
    """Return how each chat begins: what was asked before stays in the same split."""
    return [
        next((turn["content"] for turn in chat if turn["role"] == "user"), "")
        for chat in rows["messages"]
    ]


def given(asked: Any, recipe: Recipe) -> pd.DataFrame:
    """Return prompts, or chats that wait for an answer, as rows.

    Raises
    ------
    DataError
        Naming the first thing that is neither.
    """
    is_one = isinstance(asked, str) or as_turns(asked) is not None
    cells = [read_turns(one, "user") for one in ([asked] if is_one else asked)]
    return _waiting(cells, recipe)


def _waiting(cells: Sequence[Any], recipe: Recipe) -> pd.DataFrame:
    chats = []
    for place, cell in enumerate(cells):
        fault, chat = check_turns(cell, cleaner(recipe))
        asked = asked_of(chat)
        if not fault and (not asked or asked[-1]["role"] not in ("user", "tool")):
            fault = "nothing that could be answered"
        if not fault and not asked[-1]["content"]:
            fault = "an empty prompt"
        if fault:
            raise DataError(
                f"row {place} has {fault}: {str(cell)[:60]}",
                hint="give a text, or a chat whose last turn is the user's",
            )
        chats.append(asked)
    return pd.DataFrame({"messages": pd.Series(chats, dtype=object)})


def _unlabelled(frame: pd.DataFrame, roles: Roles, recipe: Recipe) -> pd.DataFrame:
    named = {role: name for role, name in roles.items() if {*_listed(name)} <= {*frame.columns}}
    if not {"messages", "prompt"} & set(named):
        column = _messages_column(frame)
        usual = ("prompt", "instruction", "question", "query", "input", "text")
        prompt = next((name for name in usual if name in frame), None)
        if column is None and prompt is None:
            raise DataError(
                f"there is no column of prompts; the data has {', '.join(frame.columns[:12])}",
                hint=f"call it {' + '.join(_listed(roles.get('prompt', 'prompt')))}",
            )
        named |= {"prompt": prompt} if column is None else {"messages": column}
    return _waiting(_chats_in(frame, named, answered=False), recipe)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


CHATS = Rows(
    inputs=("messages", "prompt", "system"),
    targets=("completion",),
    find=_find,
    usable=_usable,
    labels=lambda rows: (),
    labels_of=lambda rows: [() for _ in range(len(rows))],
    strata=lambda rows: ["" for _ in range(len(rows))],
    texts=_texts,
    given=given,
    asked=lambda recipe: {"prompt": "a question, or what is to be done"},
    unlabelled=_unlabelled,
    groups=_groups,
)
