import json

import pandas as pd
import pytest

from nbtune.data.chats import CHATS, given, is_chat
from nbtune.errors import DataError
from nbtune.recipe import Recipe

RECIPE = Recipe(clean=("control", "unicode"))
TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
SHARED = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]


def usable(frame, **named):
    recipe = RECIPE.model_copy(update=named)
    found = CHATS.find(frame, {k: v for k, v in named.items() if k in CHATS.roles})
    return found, *CHATS.usable(frame, found.roles, recipe, "data")


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ({"messages": [TURNS]}, "data: chats"),
        ({"conversations": [SHARED]}, "data: chats as ShareGPT has them"),
        ({"conversations": [json.dumps(SHARED)]}, "data: chats as ShareGPT has them"),
        ({"prompt": ["Hi"], "completion": ["Hello."]}, "data: prompts and answers"),
        ({"Question": ["Hi"], "Answer": ["Hello."]}, "data: prompts and answers"),
        ({"prompt": [TURNS[:1]], "completion": [TURNS[1:]]}, "data: prompts and answers"),
        ({"instruction": ["Hi"], "input": [""], "output": ["Hello."]}, "data: as Alpaca has it"),
    ],
)
def test_every_shape_is_recognised_and_said(columns, note):
    frame = pd.DataFrame(columns)
    assert is_chat(frame, {})
    found, rows, notice = usable(frame)
    assert (found.note, found.inferred, notice) == (note, True, "")
    assert rows["messages"].tolist() == [TURNS]


def test_columns_of_one_prompt_stand_below_each_other_and_what_is_said_before_comes_first():
    frame = pd.DataFrame({"a": ["Add."], "b": ["1 + 1"], "c": ["2"], "system": ["Be short."]})
    _, rows, _ = usable(frame, prompt=("a", "b"), completion="c")
    roles = [(turn["role"], turn["content"]) for turn in rows["messages"][0]]
    assert roles == [("system", "Be short."), ("user", "Add.\n\n1 + 1"), ("assistant", "2")]


def test_texts_are_no_chats():
    assert not is_chat(pd.DataFrame({"text": ["one", "two"], "label": ["a", "b"]}), {})
    with pytest.raises(DataError, match=r"there are no chats.*has text"):
        CHATS.find(pd.DataFrame({"text": ["one"]}), {})


@pytest.mark.parametrize(
    ("chat", "fault"),
    [
        ([], "no chat"),
        ([{"role": "user", "content": "Hi"}], "no assistant turn"),
        ([TURNS[0], {"role": "assistant", "content": " "}], "an empty answer"),
        ([{"role": "user", "content": None}, TURNS[1]], "an empty prompt"),
        ([{"role": "narrator", "content": "x"}, *TURNS], "a role that nobody knows: 'narrator'"),
        ([TURNS[0], *TURNS], r"turns out of order \(user, user, assistant\)"),
        ([TURNS[1], TURNS[0]], r"turns out of order \(assistant, user\)"),
        ([*TURNS, {"role": "system", "content": "x"}], "turns out of order"),
        ([{"role": "user", "content": 7}, TURNS[1]], "a turn whose content is a int"),
        (7, "a chat of type int"),
    ],
)
def test_what_cannot_be_learnt_is_named(chat, fault):
    frame = pd.DataFrame({"messages": [TURNS, chat, TURNS]})
    with pytest.raises(DataError, match=f"1 of 3 rows cannot be used: 1 with {fault}"):
        usable(frame, messages="messages")
    rows = usable(frame, messages="messages", drop_bad_rows=True)[1]
    assert rows["row"].tolist() == [0, 2]


def test_a_chat_is_shown_as_one_reads_it():
    frame = pd.DataFrame({"messages": [TURNS, [{"from": "human", "value": "Hi <b>"}]]})
    with pytest.raises(DataError, match=r"\(row 1, such as human: Hi <b>\)"):
        usable(frame, messages="messages")


def test_a_question_that_nobody_answered_is_left_out_and_said():
    frame = pd.DataFrame({"messages": [TURNS, [*TURNS, {"role": "user", "content": "And?"}]]})
    _, rows, notice = usable(frame)
    assert rows["messages"].tolist() == [TURNS, TURNS]
    assert notice == "data: of 1 chats the end is left out, which nobody answered"


def test_prompts_become_chats_that_wait():
    asked = [[("user", "Hi")], [("user", "Yes")]]
    found = given(["Hi", [*TURNS, {"role": "user", "content": "Yes"}]], RECIPE)
    roles = [[(t["role"], t["content"]) for t in chat][-1:] for chat in found["messages"]]
    assert roles == asked
    assert given(TURNS, RECIPE)["messages"].tolist() == [TURNS[:1]]
    with pytest.raises(DataError, match="row 1 has an empty prompt"):
        given(["Hi", " "], RECIPE)
    frame = pd.DataFrame({"instruction": ["Add."], "input": ["1"]})
    roles = {"prompt": ("instruction", "input"), "completion": "output"}
    assert CHATS.unlabelled(frame, roles, RECIPE)["messages"][0][0]["content"] == "Add.\n\n1"


def test_chats_that_begin_alike_stay_in_one_split():
    other = [TURNS[0], {"role": "assistant", "content": "Good day."}]
    rows = usable(pd.DataFrame({"messages": [TURNS, other]}))[1]
    assert len(set(CHATS.groups(rows))) == 1
