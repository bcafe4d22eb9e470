import json

import pandas as pd
import pytest

from nbtune.data.questions import ASKED
from nbtune.data.reading import read
from nbtune.data.splitting import stratified_split
from nbtune.errors import DataError
from nbtune.recipe import Recipe

CONTEXT = "Ada lived in London. Ada wrote notes."


def asked(answers, start=None, context=CONTEXT, question="Where?"):
    frame = {"question": [question], "context": [context], "answers": [answers]}
    return pd.DataFrame(frame if start is None else {**frame, "answer_start": [start]})


def usable(frame, **settings):
    return ASKED.usable(frame, ASKED.find(frame, {}).roles, Recipe(**settings), "data")[0]


def message_for(frame):
    with pytest.raises(DataError) as caught:
        usable(frame)
    return str(caught.value)


@pytest.mark.parametrize(
    ("answers", "start"),
    [
        ("London", 13),
        ("London", "13"),
        ("London", None),
        (["London"], None),
        ({"text": ["London"], "answer_start": [13]}, None),
        ([{"text": "London", "answer_start": 13}], None),
        ('[{"text": "London", "answer_start": 13}]', None),
        (["London"], [13]),
        ("London", -1),
        ({"text": ["London"], "answer_start": [-1]}, None),
        ({"text": ["London"], "answer_start": [float("nan")]}, None),
        ([{"text": "London", "answer_start": "13"}], None),
    ],
)
def test_answers_come_in_many_forms(answers, start):
    row = usable(asked(answers, start)).iloc[0]
    assert (row["answers"], row["answer_start"]) == (["London"], [13])


@pytest.mark.parametrize("start", ["?", float("inf"), 1.5, [13, 2]])
def test_a_start_that_is_none_is_named_wherever_it_stands(start):
    starts = start if isinstance(start, list) else [start]
    own = message_for(asked({"text": ["London"], "answer_start": starts}))
    beside = message_for(asked("London", start))
    fault = "as many starts" if start == [13, 2] else "an answer_start that is no whole number"
    assert fault in own
    assert fault in beside


@pytest.mark.parametrize("answers", [[], "[]", {"text": [], "answer_start": []}])
def test_an_empty_list_says_that_there_is_no_answer(answers):
    assert usable(asked(answers)).iloc[0]["answers"] == []


def test_several_answers_keep_their_places():
    row = usable(asked({"text": ["Ada", "Ada"], "answer_start": [0, 21]})).iloc[0]
    assert row["answer_start"] == [0, 21]


def test_contexts_stay_letter_by_letter_so_that_offsets_are_true():
    context = "  Ada\u00a0lived\t in  London. "
    row = usable(asked("London", context.index("London"), context)).iloc[0]
    assert row["context"] == context


def test_a_start_that_points_elsewhere_is_told_with_what_stands_there():
    told = message_for(asked("London", 14))
    assert (
        "1 with an answer that does not stand where answer_start says "
        "(row 0, such as 'ondon.' at 14, not 'London', which stands at 13)"
    ) in told
    assert "df.drop(columns='answer_start')" in told


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        (asked("Paris"), "an answer that is not in the context (row 0, such as 'Paris')"),
        (asked("Ada"), "an answer that stands in the context more than once, and no answer_start"),
        (asked(""), "no answer (where there is none to be found, write an empty list: [])"),
        (asked(None), "no answer (where there is none to be found, write an empty list: [])"),
        (asked("London", question=" "), "an empty question"),
        (asked("London", question=None), "no question"),
        (asked("London", context=" "), "no context"),
        (asked("London", "x"), "an answer_start that is no whole number"),
        (asked({"answer_start": [3]}), "answers without a text"),
        (asked({"text": ["a", "b"], "answer_start": [3]}), "as many starts as answers missing"),
    ],
)
def test_every_bad_row_is_named(frame, fault):
    assert f"1 of 1 rows cannot be used: 1 with {fault}" in message_for(frame)


def test_bad_rows_can_be_left_out():
    frame = pd.concat([asked("London"), asked("Paris")], ignore_index=True)
    assert list(usable(frame, drop_bad_rows=True)["row"]) == [0]


def test_missing_columns_are_named():
    with pytest.raises(DataError, match="there is no column of question and none of answers"):
        ASKED.find(pd.DataFrame({"context": ["a"]}), {})
    with pytest.raises(DataError, match="answers: there is no column 'anwer'"):
        ASKED.find(asked("London"), {"answers": "anwer"})


def test_training_rows_without_any_answer_are_refused():
    with pytest.raises(DataError, match="none of the 1 training rows has one"):
        ASKED.labels(usable(asked([])))


def squad(**question):
    asked = {"id": "1", "question": "Where?", **question}
    paragraph = {"context": CONTEXT, "qas": [asked]}
    return {"version": "2.0", "data": [{"title": "Ada", "paragraphs": [paragraph]}]}


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ({"answers": [{"text": "London", "answer_start": 13}]}, ["London"]),
        ({"answers": [], "is_impossible": True}, []),
        ({"answers": [{"text": "x", "answer_start": 0}], "is_impossible": True}, []),
    ],
)
def test_a_squad_file_is_read(tmp_path, question, answers):
    file = tmp_path / "train-v2.0.json"
    file.write_text(json.dumps(squad(**question)), encoding="utf-8")
    row = usable(read(file)["train"]).iloc[0]
    assert (row["question"], row["context"], row["answers"]) == ("Where?", CONTEXT, answers)


def test_a_squad_file_that_lacks_something_is_refused(tmp_path):
    file = tmp_path / "train.json"
    file.write_text(json.dumps(squad()), encoding="utf-8")
    with pytest.raises(DataError, match="article 0 is not as in SQuAD: 'answers'"):
        read(file)


@pytest.mark.parametrize(
    "given",
    [
        ("Where?", CONTEXT),
        [("Where?", CONTEXT)],
        {"question": "Where?", "context": CONTEXT},
        f"Where? ||| {CONTEXT}",
    ],
)
def test_a_question_is_asked_in_many_forms(given):
    rows = ASKED.given(given, Recipe())
    assert rows.to_dict("records") == [{"question": "Where?", "context": CONTEXT}]


def test_a_question_without_a_context_is_refused():
    with pytest.raises(DataError, match="not a question and its context"):
        ASKED.given(["Where?"], Recipe())


def test_questions_about_one_context_stay_in_one_split():
    groups = [f"text {i // 5}" for i in range(100)]
    kept, taken = stratified_split(["answered"] * 100, 20.0, 0, groups)
    assert sorted([*kept, *taken]) == list(range(100))
    assert len(taken) == 20
    assert not {groups[row] for row in kept} & {groups[row] for row in taken}
