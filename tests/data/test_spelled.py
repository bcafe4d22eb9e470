"""Columns of lists that went through a CSV file are lists again, or are refused."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.chats import CHATS
from nbtune.data.labels import MANY_LABELLED, holds_lists
from nbtune.data.questions import ASKED
from nbtune.data.relations import RELATED
from nbtune.data.spelled import read_spelled
from nbtune.data.tagged import TAGGED, word_splitting_of
from nbtune.errors import DataError
from nbtune.recipe import Recipe
from nbtune.tasks import find_task

plain = st.one_of(st.text(max_size=6), st.integers(), st.booleans())


def through_csv(frame):
    return pd.read_csv(io.StringIO(frame.to_csv(index=False)), keep_default_na=False)


def usable(kind, frame, **settings):
    return kind.usable(frame, kind.find(frame, {}).roles, Recipe(**settings), "data")[0]


def same_through_csv(kind, frame):
    before, after = usable(kind, frame), usable(kind, through_csv(frame))
    pd.testing.assert_frame_equal(before, after)
    return after


@given(st.lists(plain, max_size=4))
def test_what_python_writes_is_read_again(cells):
    assert read_spelled(str(cells)) == cells


@given(st.lists(st.text("ab'\" [],", min_size=1, max_size=5), min_size=2, max_size=4))
def test_what_numpy_writes_is_read_again(cells):
    assert read_spelled(str(np.array(cells, dtype=object))) == cells


@pytest.mark.parametrize("text", ["[open('x')]", "[1 + 1]", "[" * 5_000 + "]", "['a' ... 'b']"])
def test_what_is_no_list_stays_a_text(text):
    assert read_spelled(text) == text


def test_words_and_tags_come_through_a_csv():
    lists = pd.DataFrame({"tokens": [["St,", "x"]] * 2, "tags": [["B-X", "O"]] * 2})
    assert same_through_csv(TAGGED, lists)["tokens"].tolist() == [["St,", "x"]] * 2
    assert word_splitting_of(through_csv(lists), Recipe()) == "spaces"
    arrays = lists.map(lambda cell: np.array(cell, dtype=object))
    assert usable(TAGGED, through_csv(arrays))["tags"].tolist() == [["B-X", "O"]] * 2
    asked = TAGGED.unlabelled(through_csv(lists)[["tokens"]], {}, Recipe())
    assert asked["tokens"].tolist() == [["St,", "x"]] * 2
    spans = pd.DataFrame({"text": ["a b"], "spans": [[{"start": 0, "end": 1, "label": "X"}]]})
    assert same_through_csv(TAGGED, spans)["tags"].tolist() == [["B-X", "O"]]


def test_several_labels_come_through_a_csv_and_are_known_by_it():
    frame = pd.DataFrame({"text": ["some text", "more text"], "label": [["b", "a"], []]})
    assert same_through_csv(MANY_LABELLED, frame)["label"].tolist() == [["a", "b"], []]
    assert holds_lists(through_csv(frame)["label"])
    settled = find_task("text-classification").suited(through_csv(frame), Recipe())
    assert settled["problem_type"] == "multi_label_classification"
    assert not holds_lists(pd.Series(["[sic]", "['a']"]))


def test_answers_chats_and_relations_come_through_a_csv():
    answers = [{"text": ["London"], "answer_start": [0]}]
    asked = pd.DataFrame({"question": ["where?"], "context": ["London!"], "answers": answers})
    same_through_csv(ASKED, asked)
    arrays = [{"text": np.array(["London"], dtype=object), "answer_start": np.array([0])}]
    assert usable(ASKED, through_csv(asked.assign(answers=arrays)))["answers"][0] == ["London"]
    starts = pd.DataFrame({"question": ["q"], "context": ["a b"], "answers": [["a"]]})
    same_through_csv(ASKED, starts.assign(answer_start=[["0"]]))
    turns = [{"role": "user", "content": "it's"}, {"role": "assistant", "content": "yes"}]
    same_through_csv(CHATS, pd.DataFrame({"messages": [turns]}))
    words = pd.DataFrame({"tokens": [["a", "b"]], "label": ["x"]})
    same_through_csv(RELATED, words.assign(head=[[0, 1]], tail=[{"start": 1, "end": 2}]))


def test_a_list_that_cannot_be_read_is_refused_with_the_way_out():
    frame = pd.DataFrame({"tokens": ["['a' ... 'z']", "a"], "tags": ["O O", "O"]})
    with pytest.raises(DataError) as caught:
        usable(TAGGED, frame)
    assert "1 of 2 rows cannot be used: 1 with a list that cannot be read (row 0" in str(
        caught.value
    )
    assert "df.to_json" in str(caught.value)
    frame = pd.DataFrame({"text": ["some text", "more text"], "label": ["['a']", "['a', b]"]})
    with pytest.raises(DataError, match="a list that cannot be read"):
        usable(MANY_LABELLED, frame)
