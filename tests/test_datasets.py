import pytest

from nbtune import datasets
from nbtune.errors import DataError


def test_the_topics_are_whole():
    frame = datasets.load("topics")
    assert list(frame.columns) == ["text", "label", "split"]
    assert frame["split"].value_counts().to_dict() == {"train": 7344, "test": 1836}
    assert frame["label"].nunique() == 12
    assert not frame.isna().any(axis=None)
    assert (frame["text"].str.strip() == frame["text"]).all()
    assert frame["text"].str.len().min() > 0


def test_no_test_text_of_the_topics_is_a_training_text():
    frame = datasets.load("topics")
    test = frame["split"] == "test"
    assert not set(frame["text"][test]) & set(frame["text"][~test])


def test_both_splits_of_the_topics_have_all_labels():
    frame = datasets.load("topics")
    assert (frame.groupby("split")["label"].nunique() == 12).all()


def test_every_name_loads():
    assert datasets.names() == ["topics", "addresses", "people", "digits"]


def test_every_answer_about_people_stands_where_it_is_said_to():
    frame = datasets.load("people")
    assert frame["split"].value_counts().to_dict() == {"train": 4228, "test": 1054}
    for context, answer, start in frame[["context", "answer", "answer_start"]].to_numpy():
        assert context[start : start + len(answer)] == answer
    test = frame["split"] == "test"
    assert not set(frame["context"][test]) & set(frame["context"][~test])


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(DataError) as caught:
        datasets.load("topic")
    assert str(caught.value) == "there is no data set 'topic'\n  did you mean 'topics'?"
