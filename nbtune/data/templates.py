"""Chats as one text, as the template of a tokenizer writes them, and where answers stand in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbtune.data.turns import ANSWERS, Turn, turns_of
from nbtune.errors import DataError, ModelError, in_one_line

PLAIN_TEMPLATE = """\
{%- for turn in messages -%}
{{- '### ' + turn['role'] | capitalize + ':\\n' + turn['content'] -}}
{{- eos_token if turn['role'] == 'assistant' else '\\n\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '### Assistant:\\n' -}}{%- endif -%}"""
"""For models that have none: a line that says who speaks, and the end of a text after answers."""
NO_END = "the tokenizer has no token that ends a text, so no answer would come to an end"
NO_END_HINT = "set tokenizer.eos_token, save the tokenizer into the folder, and try again"
_PROBE = [{"role": "user", "content": "a"}, {"role": ANSWERS, "content": "b0b0"}]


@dataclass(frozen=True)
class Piece:
    """A piece of a chat's text; ``is_answer`` where the model has to say it."""

    text: str
    is_answer: bool


def dress(tokenizer: Any) -> None:
    """Give a tokenizer the plain template in place, where it has none of its own.

    Raises
    ------
    ModelError
        When it has no token that could end an answer.
    """
    if getattr(tokenizer, "chat_template", None):
        return
    if tokenizer.eos_token is None:
        raise ModelError(NO_END, hint=NO_END_HINT)
    tokenizer.chat_template = PLAIN_TEMPLATE


def ends_of_answers(tokenizer: Any) -> tuple[str, ...]:
    """Return the tokens that end an answer: what the template writes after one, and a text's end.

    Raises
    ------
    ModelError
        When there is none.
    """
    after = _rendered(_PROBE, tokenizer).rpartition(_PROBE[1]["content"])[2]
    special = sorted(_special(tokenizer), key=len, reverse=True)
    own = re.match(r"\s*(" + "|".join(map(re.escape, special)) + ")", after) if special else None
    found = [own[1]] if own else []
    ends = tuple(dict.fromkeys([*found, *filter(None, [tokenizer.eos_token])]))
    if not ends:
        raise ModelError(NO_END, hint=NO_END_HINT)
    return ends


def _special(tokenizer: Any) -> set[str]:
    added = (str(token) for token in tokenizer.added_tokens_decoder.values())
    return {*tokenizer.all_special_tokens, *added} - {""}


def pieces_of(chat: Sequence[Turn], tokenizer: Any, ends: Sequence[str]) -> list[Piece]:
    """Return the text of a chat up to its last answer, in pieces that are answers and others.

    An answer goes from where the model is asked to speak to the token that ends it; where the
    template writes no such token, the end of a text is put there. A chat that waits for an answer
    ends with what asks for one.

    Raises
    ------
    DataError
        When the template refuses the chat.
    ModelError
        When it writes what comes before the last answer otherwise once that is there.
    """
    turns = turns_of(chat)
    waits = not turns or turns[-1]["role"] != ANSWERS
    whole = _rendered(turns, tokenizer, asks=waits)
    pieces, at = [], 0
    for number, turn in enumerate(turns):
        if turn["role"] != ANSWERS:
            continue
        before = _rendered(turns[:number], tokenizer, asks=True)
        place = whole.find(turn["content"].strip(), max(at, len(before)))
        if not whole.startswith(before) or place < 0:
            if number == len(turns) - 1:
                raise ModelError(
                    "the chat template of the tokenizer writes a chat otherwise when its last "
                    "answer is there, so it is not plain what is to be learnt",
                    hint="set tokenizer.chat_template to one that writes turn after turn",
                )
            continue  # such as what was thought before earlier answers: it stands there, unlearnt
        said, stop = _closed(whole, place + len(turn["content"].strip()), ends)
        pieces.append(Piece(whole[at : len(before)], False))
        pieces.append(Piece(whole[len(before) : stop] + said, True))
        at = stop
    return [*pieces, Piece(whole[at:], False)] if waits else pieces


def _closed(whole: str, at: int, ends: Sequence[str]) -> tuple[str, int]:
    """Return the end that an answer lacks, empty for none, and where it is over."""
    own = re.compile(r"\s*(?:" + "|".join(map(re.escape, ends)) + ")").match(whole, at)
    return ("", own.end()) if own else (ends[-1], at)


def _rendered(turns: Sequence[Turn], tokenizer: Any, *, asks: bool = False) -> str:
    try:
        found = tokenizer.apply_chat_template(
            list(turns), tokenize=False, add_generation_prompt=asks
        )
    except Exception as error:  # noqa: BLE001 - templates raise what they like
        roles = ", ".join(turn["role"] for turn in turns[:5])
        raise DataError(
            f"the chat template of the model refuses a chat of {roles}: {in_one_line(error)}",
            hint="write the chats as it wants them, or set another tokenizer.chat_template",
        ) from None
    return str(found)
