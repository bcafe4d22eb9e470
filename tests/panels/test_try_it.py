from dataclasses import replace

import pandas as pd
import pytest

from nbtune.errors import DataError, RunError
from nbtune.panels.many_rows import Stack
from nbtune.panels.try_it import Asked, Oracle, TryIt
from nbtune.records import Explanation, WordShare

FIELDS = {
    "mails@1": Asked({"text": "a mail"}),
    "answers@1": Asked({"question": "When?", "context": "a text"}),
    "essays@1": Asked({"source": "a text"}, at_once=False),
}


def ask(run, text):
    if text == "bad":
        raise RunError("it has no model", hint="train it")
    if run != "mails@1":
        return pd.DataFrame({"asked": [text], "score": [0.5]})
    return [("<b>ham</b>", 0.25), ("spam", 0.75)]


def explain(run, text):
    if text == "odd":
        raise RunError("nothing is explained")
    word = WordShare(0, 0, 3, 0.5)
    return [Explanation(run, 0, (text,), "spam", 0.75, "gradient-x-input", (word,), 1.0, 0.5, "")]


def asked_many(run, rows, column, show):
    if rows == "none.csv":
        raise DataError("there is no file 'none.csv'", hint="name another")
    return pd.DataFrame({"text": [f"<i>{rows}</i>"] * 12, "label": ["spam"] * 12})


STACK = Stack(
    names=lambda: ["df"],
    ask=asked_many,
    keep=lambda frame, name: f"{name}: {len(frame)} rows",
    line=lambda run, rows, column, name: f"{name or 'answers'} = %predict {run} --data {rows}",
)
ORACLE = Oracle(lambda: list(FIELDS), FIELDS.__getitem__, ask, lambda run, text: [], STACK)


@pytest.fixture
def box():
    return TryIt(ORACLE)


def family(widget):
    for child in getattr(widget, "children", ()):
        yield child
        yield from family(child)


def press(box, words):
    next(b for b in family(box.box) if getattr(b, "description", "") == words).click()


def test_labels_are_shown_as_one_types_the_likeliest_first(box):
    assert not box.answer.value
    box.fields["text"].value = "win money"
    assert box.answer.value.index("spam") < box.answer.value.index("ham")
    assert "0.750" in box.answer.value
    assert "<b>ham" not in box.answer.value
    assert box.line.line == '%predict mails@1 "win money"'
    box.fields["text"].value = " "
    assert not box.answer.value
    assert not box.line.box.value


def test_what_goes_wrong_is_said_in_the_box(box):
    box.fields["text"].value = "bad"
    assert "it has no model" in box.answer.value


def test_a_run_has_fields_for_what_it_is_asked_about(box):
    box.run.value = "answers@1"
    assert list(box.fields) == ["question", "context"]
    assert box.fields["question"].placeholder == "When?"
    box.fields["question"].value = "Who?"
    assert not box.answer.value, "there is nothing to look in yet"
    box.fields["context"].value = "Ada <b>wrote</b> it"
    assert "Who? ||| Ada &lt;b&gt;wrote" in box.answer.value
    box.run.value = "mails@1"
    assert list(box.fields) == ["text"]


def test_a_run_that_writes_is_asked_by_a_button(box):
    assert box.go.layout.display == "none"
    box.run.value = "essays@1"
    assert box.go.layout.display != "none"
    press(box, "Ask")
    assert "fill in source first" in box.answer.value
    box.fields["source"].value = "a long text"
    assert not box.answer.value
    press(box, "Ask")
    assert "a long text" in box.answer.value


def test_without_a_run_it_says_how_to_get_one_and_finds_it_later():
    runs = []
    box = TryIt(replace(ORACLE, runs=lambda: runs))
    assert "%%finetune" in box.answer.value
    runs.append("mails@1")
    box.refresh()
    box.fields["text"].value = "win money"
    assert "spam" in box.answer.value


def test_why_is_shown_once_one_stops_typing_and_never_for_another_text():
    box = TryIt(replace(ORACLE, explain=explain))
    box.later.pause = 0.02
    box.fields["text"].value = "win money <b>"
    assert not box.why.value
    box.later.wait()
    assert "win +0.50" in box.why.value
    assert "<b>" not in box.why.value
    box.fields["text"].value = "odd"
    assert not box.why.value
    box.later.wait()
    assert "nothing is explained" in box.why.value


def test_many_rows_are_asked_about_by_a_button_looked_at_and_kept(box):
    many = box.many
    press(box, "Predict")
    assert "choose rows" in many.told.value
    many.source.value = "none.csv"
    press(box, "Predict")
    assert "there is no file" in many.told.value
    assert many.rest.layout.display == "none"
    many.source.value = "df"
    assert "df</i>" not in many.table.value, "nothing starts by itself"
    press(box, "Predict")
    assert "The first 10 of 12 rows" in many.table.value
    assert "&lt;i&gt;df" in many.table.value
    assert many.line.line == "answers = %predict mails@1 --data df"
    many.name.value = "labelled"
    press(box, "Keep")
    assert "labelled: 12 rows" in many.told.value
    assert many.line.line == "labelled = %predict mails@1 --data df"
