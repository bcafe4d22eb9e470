"""Chats as rows: lists of turns, or what was asked and what was answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.cleaning import clean_text
from nbtune.data.faults import (
    LONE,
    Check,
    Faults,
    cells_of,
    checked_rows,
    has_lone_surrogate,
    is_missing,
)
from nbtune.data.rows import Found, Roles, Rows
from nbtune.errors import DataError, did_you_mean
from nbtune.recipe import Recipe

Turn = dict[str, str]
"""One turn of a chat: ``role`` and ``content``."""
ANSWERS = "assistant"
ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user", "instruction": "user",
    "assistant": ANSWERS, "gpt": ANSWERS, "chatgpt": ANSWERS, "bot": ANSWERS, "model": ANSWERS,
    "tool": "tool", "function": "tool", "observation": "tool",
}  # fmt: skip
"""Who speaks, by what data sets call them."""
MESSAGES_NAMES = ("messages", "conversations", "conversation", "chat", "dialogue", "dialog")
PAIR_NAMES = (
    (("instruction", "input"), "output"),
    (("instruction",), "output"), (("instruction",), "response"), (("instruction",), "answer"),
    (("prompt",), "completion"), (("prompt",), "response"), (("prompt",), "answer"),
    (("question",), "answer"), (("question",), "response"), (("query",), "response"),
    (("input",), "output"),
)  # fmt: skip
"""What the columns of prompts and answers are called together; the first that are there count."""
_NO_CHAT = "no chat"
_NO_ANSWER = "no assistant turn"
_EMPTY = "an empty answer"
EMPTY_PROMPT = "an empty prompt"
_ROLE = "a role that nobody knows"
_ORDER = "turns out of order"


class Turns(list[Any]):
    """A list of turns that errors show as one reads it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return " | ".join(map(_told, self))


def _told(turn: Any) -> str:
    """Return a turn as a short line, whatever it is."""
    if not isinstance(turn, Mapping):
        return repr(turn)
    who, said = _parts_of(turn)
    return f"{who}: {said}"


def _parts_of(turn: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return who speaks in a turn and what is said, by any of the usual names."""
    who = next((turn[key] for key in ("role", "from") if key in turn), None)
    return who, next((turn[key] for key in ("content", "value", "text") if key in turn), None)


def is_chat(frame: pd.DataFrame, named: Roles) -> bool:
    """Whether there are columns of chats, or of prompts and answers to them."""
    if "messages" in named or "completion" in named:
        return True
    return _messages_column(frame) is not None or _pair_columns(frame, named) is not None


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
        if name in frame and any(_as_list(cell) for cell in cells_of(frame[name].head(50))):
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
    lists = (_as_list(cell) for cell in cells_of(frame[column].head(50)))
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
        hint=_hint,
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


def readable(chats: Sequence[Any]) -> list[Any]:
    """Return the same, lists of turns as errors can show them."""
    return [Turns(chat) if isinstance(chat, list) else chat for chat in chats]


def told_first(words: Any, chat: Any) -> Any:
    """Put what is said to the model before a chat, unless that begins so itself."""
    if not isinstance(chat, list) or not _is_text(words):
        return chat
    is_told = isinstance(chat[0], Mapping) and "system" in chat[0].values()
    return chat if is_told else [_turn("system", words), *chat]


def _below(parts: Sequence[Any]) -> Any:
    """Return the texts of several columns one below the other, without empty ones."""
    if len(parts) == 1:
        return parts[0]
    wrong = next((p for p in parts if not isinstance(p, str) and not is_missing(p)), None)
    return wrong if wrong is not None else "\n\n".join(p for p in parts if _is_text(p))


def read_turns(cell: Any, role: str) -> Any:
    """Read a cell as turns: a text is one of this role; what is neither stays as it is."""
    if (turns := _as_list(cell)) is not None:
        return turns
    if is_missing(cell):
        cell = ""
    return [_turn(role, cell)] if isinstance(cell, str) else cell


def _joined(one: Any, other: Any) -> Any:
    return [*one, *other] if isinstance(one, list) and isinstance(other, list) else [one, other]


def _as_list(cell: Any) -> list[Any] | None:
    """Return a list of turns as it was given, be it as JSON; None for what is none."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        with suppress(ValueError):  # a text may begin with a bracket
            cell = json.loads(cell)
    if isinstance(cell, np.ndarray | tuple):
        cell = list(cell)
    is_turns = isinstance(cell, list) and bool(cell) and all(isinstance(t, Mapping) for t in cell)
    return cell if is_turns else None


def _checked(recipe: Recipe) -> Check:
    return lambda cell: check_chat(cell, cleaner(recipe))


def cleaner(recipe: Recipe) -> Callable[[str], str]:
    """Return how a recipe cleans a text."""
    return lambda text: clean_text(text, recipe.clean)


def check_chat(cell: Any, clean: Callable[[str], str]) -> tuple[str, Any]:
    """Return what is wrong with a chat, empty for nothing, and its turns cleaned.

    Examples
    --------
    >>> check_chat([{"from": "human", "value": "Hi "}, {"from": "gpt", "value": "Yes?"}], str.strip)
    ('', [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Yes?'}])
    """
    fault, chat = check_turns(cell, clean)
    if fault:
        return fault, chat
    fault = _fault_in_order([turn["role"] for turn in chat])
    if not fault and any(not turn["content"] for turn in chat if turn["role"] != ANSWERS):
        fault = EMPTY_PROMPT
    if not fault and any(not turn["content"] for turn in chat if turn["role"] == ANSWERS):
        fault = _EMPTY
    return fault, chat


def check_turns(cell: Any, clean: Callable[[str], str]) -> tuple[str, Any]:
    """Return turns as ``role`` and ``content``, whoever is to speak next."""
    if is_missing(cell) or (isinstance(cell, list) and not cell):
        return _NO_CHAT, []
    if not isinstance(cell, list):
        return f"a chat of type {type(cell).__name__}", []
    chat = []
    for given in cell:
        if not isinstance(given, Mapping):
            return f"a turn of type {type(given).__name__}", []
        who, said = _parts_of(given)
        role = ROLES.get(str(who).lower())
        if role is None:
            return f"{_ROLE}: {who!r}", []
        words = _content(said)
        if words is None:
            return f"a turn whose content is a {type(said).__name__}", []
        cleaned = clean(words)
        if has_lone_surrogate(cleaned):
            return LONE, []
        chat.append(_turn(role, cleaned if cleaned.strip() else ""))
    return "", chat


def _content(said: Any) -> str | None:
    """Return what was said as a text: one, or parts of which each is a text."""
    if is_missing(said):
        return ""
    if isinstance(said, list | np.ndarray):
        parts = [part.get("text") for part in said if isinstance(part, Mapping)]
        texts = [part for part in parts if isinstance(part, str)]
        return "".join(texts) if len(texts) == len(said) else None
    return said if isinstance(said, str) else None


def _fault_in_order(roles: Sequence[str]) -> str:
    """Say what is wrong with the order in which roles speak; empty for nothing."""
    if ANSWERS not in roles:
        return _NO_ANSWER
    spoken = list(roles[1:] if roles[0] == "system" else roles)
    before = ["start", *spoken[:-1]]
    may_follow = {
        "user": {"start", ANSWERS},
        ANSWERS: {"user", "tool"},
        "tool": {ANSWERS, "tool"},
    }
    well = all(one in may_follow.get(role, ()) for one, role in zip(before, spoken, strict=True))
    return "" if well else f"{_ORDER} ({', '.join(roles[:5])}{', ...' if len(roles) > 5 else ''})"


def _hint(faults: Faults, left: bool) -> str:
    kinds = " ".join(faults)
    if _ROLE in kinds:
        return (
            "roles are user (or human), assistant (gpt, bot, model), system and tool; rename "
            "others, or drop_bad_rows: true"
        )
    if _ORDER in kinds:
        return (
            "system may come first, then user and assistant in turn; join turns of one role, or "
            "drop_bad_rows: true"
        )
    if not left:
        return (
            "no row is left; are these the right columns? messages: ..., or prompt: and completion:"
        )
    return "mend them, or leave them out with drop_bad_rows: true"


def answers_until(chat: Sequence[Turn]) -> int:
    """Return how many turns there are up to the last answer."""
    return max((i + 1 for i, turn in enumerate(chat) if turn["role"] == ANSWERS), default=0)


def turns_of(cell: Any) -> list[Turn]:
    """Return the turns of a row as they were prepared, also once read from a file."""
    return [_turn(turn["role"], turn["content"]) for turn in cell]


def asked_of(chat: Sequence[Turn]) -> list[Turn]:
    """Return the turns that the last answer is about; all where there is none."""
    own = turns_of(chat)
    return own[: answers_until(own) - 1] if answers_until(own) == len(own) else own


def answer_of(chat: Sequence[Turn]) -> str:
    """Return the last answer; empty where there is none."""
    last = chat[-1] if len(chat) else _turn("user", "")
    return last["content"] if last["role"] == ANSWERS else ""


def prompt_of(chat: Sequence[Turn]) -> str:
    """Return what was asked last, as one shows it."""
    return next((turn["content"] for turn in asked_of(chat)[::-1] if turn["role"] == "user"), "")


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
    is_one = isinstance(asked, str) or _as_list(asked) is not None
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


def _turn(role: str, content: str) -> Turn:
    return {"role": role, "content": content}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


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
    unlabelled=_unlabelled,
    groups=_groups,
)
