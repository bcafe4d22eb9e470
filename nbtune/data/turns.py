"""Turns of a chat: read from what data sets call them, checked, and taken apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nbtune.data.cleaning import clean_text
from nbtune.data.faults import LONE, Faults, has_lone_surrogate, is_missing
from nbtune.data.spelled import read_spelled
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


def readable(chats: Sequence[Any]) -> list[Any]:
    """Return the same, lists of turns as errors can show them."""
    return [Turns(chat) if isinstance(chat, list) else chat for chat in chats]


def told_first(words: Any, chat: Any) -> Any:
    """Put what is said to the model before a chat, unless that begins so itself."""
    if not isinstance(chat, list) or not is_words(words):
        return chat
    is_told = isinstance(chat[0], Mapping) and "system" in chat[0].values()
    return chat if is_told else [turn_of("system", words), *chat]


def read_turns(cell: Any, role: str) -> Any:
    """Read a cell as turns: a text is one of this role; what is neither stays as it is."""
    if (turns := as_turns(cell)) is not None:
        return turns
    if is_missing(cell):
        cell = ""
    return [turn_of(role, cell)] if isinstance(cell, str) else cell


def as_turns(cell: Any) -> list[Any] | None:
    """Return a list of turns as it was given, be it as a text; None for what is none."""
    cell = read_spelled(cell)
    if isinstance(cell, np.ndarray | tuple):
        cell = list(cell)
    is_turns = isinstance(cell, list) and bool(cell) and all(isinstance(t, Mapping) for t in cell)
    return cell if is_turns else None


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
        chat.append(turn_of(role, cleaned if cleaned.strip() else ""))
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


def hint_for(faults: Faults, left: bool) -> str:
    """Return what to try; see `nbtune.data.faults.checked_rows`."""
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
    return [turn_of(turn["role"], turn["content"]) for turn in cell]


def asked_of(chat: Sequence[Turn]) -> list[Turn]:
    """Return the turns that the last answer is about; all where there is none."""
    own = turns_of(chat)
    return own[: answers_until(own) - 1] if answers_until(own) == len(own) else own


def answer_of(chat: Sequence[Turn]) -> str:
    """Return the last answer; empty where there is none."""
    last = chat[-1] if len(chat) else turn_of("user", "")
    return last["content"] if last["role"] == ANSWERS else ""


def prompt_of(chat: Sequence[Turn]) -> str:
    """Return what was asked last, as one shows it."""
    return next((turn["content"] for turn in asked_of(chat)[::-1] if turn["role"] == "user"), "")


def turn_of(role: str, content: str) -> Turn:
    """Return a turn."""
    return {"role": role, "content": content}


def is_words(value: Any) -> bool:
    """Whether this is a text that says something."""
    return isinstance(value, str) and bool(value.strip())
