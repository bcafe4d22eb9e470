import pandas as pd
import pytest

from nbtune.data.columns import Columns, infer_columns, infer_text
from nbtune.errors import DataError


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


LONG = ["the sea is deep", "a cat sat down", "bread with some butter", "a dog ran off"]


def test_the_usual_names_are_found():
    found = infer_columns(frame(id=[1, 2], Review=LONG[:2], Stars=[1, 5]))
    assert found == Columns("Review", "Stars", inferred=True)


def test_columns_that_were_named_are_taken():
    data = frame(text=LONG, label=[0, 1, 0, 1], title=LONG, topic=[1, 2, 1, 2])
    assert infer_columns(data, "title", "topic") == Columns("title", "topic", inferred=False)


def test_a_name_spelled_as_usual_wins_over_one_in_capitals():
    data = frame(text=LONG, TEXT=LONG, label=[0, 1, 0, 1], LABEL=[0, 1, 0, 1])
    assert infer_columns(data) == Columns("text", "label", inferred=True)


def test_without_usual_names_the_words_and_the_repetition_tell():
    data = frame(x=[0.1, 0.2, 0.3, 0.4], said=LONG, kind=["a", "b", "a", "b"])
    assert infer_columns(data) == Columns("said", "kind", inferred=True)


def test_categories_are_looked_into():
    data = frame(said=LONG, kind=["a", "b", "a", "b"]).astype("category")
    assert infer_columns(data) == Columns("said", "kind", inferred=True)


def test_the_text_is_found_without_a_label():
    assert infer_text(frame(n=[1, 2, 3, 4], said=LONG)) == "said"
    assert infer_text(frame(text=LONG, said=LONG), "said") == "said"


def test_all_missing_columns_are_named_at_once():
    with pytest.raises(DataError) as caught:
        infer_columns(frame(review=LONG, stars=[1, 2, 1, 2]), "reviews", "star")
    assert str(caught.value) == (
        "text: there is no column 'reviews'; label: there is no column 'star'; "
        "the data has review, stars\n"
        "  did you mean text: review and label: stars?"
    )


def test_a_missing_column_like_no_other_gets_the_list():
    with pytest.raises(DataError) as caught:
        infer_text(frame(a=LONG, b=LONG), "zzz")
    assert str(caught.value) == (
        "text: there is no column 'zzz'; the data has a, b\n  name one of these columns"
    )


def test_of_many_columns_some_are_named():
    with pytest.raises(DataError, match=r"the data has c0, .*, c11, \.\.\.\n") as caught:
        infer_text(frame(**{f"c{i}": LONG for i in range(200)}), "zzz")
    assert len(str(caught.value)) < 200


def test_one_column_cannot_be_both():
    with pytest.raises(DataError) as caught:
        infer_columns(frame(text=LONG, label=LONG), "text", "text")
    assert str(caught.value) == (
        "text and label are the same column, 'text'\n  name one of them otherwise"
    )


def test_two_columns_of_words_are_not_guessed_between():
    with pytest.raises(DataError) as caught:
        infer_columns(frame(first=LONG, second=LONG, label=[0, 1, 0, 1]))
    assert str(caught.value) == "text: it could be any of first, second\n  name it: text: first"


def test_numbers_alone_hold_no_text():
    with pytest.raises(DataError) as caught:
        infer_columns(frame(a=[1, 2], b=[3, 4]))
    assert str(caught.value) == (
        "text: no column looks like it; the data has a, b\n  name it: text: a"
    )
