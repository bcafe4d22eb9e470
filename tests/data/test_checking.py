import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.checking import label_names, refuse_empty, refuse_unseen, usable_rows
from nbtune.data.columns import Columns
from nbtune.errors import DataError

COLUMNS = Columns("text", "label")
LEAVE_OUT = "\n  mend them, or leave them out with drop_bad_rows: true"


def table(texts, labels, dtype=object, index=None) -> pd.DataFrame:
    return pd.DataFrame(
        {"text": pd.Series(texts, dtype=dtype), "label": pd.Series(labels)}
    ).set_axis(index or range(len(texts)))


def usable(frame, **options):
    return usable_rows(frame, COLUMNS, str.strip, **options)


def labels_of(*labels, dtype=object) -> list[str]:
    rows, _ = usable(table(["a"] * len(labels), pd.Series(labels, dtype=dtype)))
    return list(rows["label"])


def message_for(frame, **options) -> str:
    with pytest.raises(DataError) as caught:
        usable(frame, **options)
    return str(caught.value)


def test_good_rows_come_back_cleaned_with_their_places():
    rows, notice = usable(table([" a ", "b"], ["x", " y "], index=[7, 9]))
    assert rows.to_dict("list") == {"row": [7, 9], "text": ["a", "b"], "label": ["x", "y"]}
    assert notice == ""


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "1 with no text (row 1)"),
        (np.nan, "1 with no text (row 1)"),
        (pd.NA, "1 with no text (row 1)"),
        (pd.NaT, "1 with no text (row 1)"),
        ("", "1 with an empty text (row 1, such as '')"),
        (" \t", r"1 with an empty text (row 1, such as ' \t')"),
        (3, "1 with a text of type int (row 1, such as 3)"),
        (["a"], "1 with a text of type list (row 1, such as ['a'])"),
        ("\ud800", r"1 with half a character (a lone surrogate) (row 1, such as '\ud800')"),
    ],
)
def test_a_text_that_is_none_is_named(value, fault):
    message = message_for(table(["a", value], ["x", "y"]))
    assert message == f"data: 1 of 2 rows cannot be used: {fault}{LEAVE_OUT}"


def test_bytes_are_to_be_decoded():
    assert message_for(table(["a", b"bc"], ["x", "y"])) == (
        "data: 1 of 2 rows cannot be used: 1 with a text of type bytes (row 1, such as b'bc')\n"
        "  decode them: df['text'] = df['text'].str.decode('utf-8')"
    )


@pytest.mark.parametrize("dtype", [object, "str", "string", "category"])
def test_a_missing_text_is_seen_in_every_kind_of_column(dtype):
    message = message_for(table(["a", None], ["x", "y"], dtype=dtype))
    assert message.startswith("data: 1 of 2 rows cannot be used: 1 with no text (row 1)")


@pytest.mark.parametrize("words", [["None", "NA", "null", "nan", "NaN", "<NA>"]])
def test_words_that_look_missing_are_words(words):
    assert labels_of(*words) == words
    rows, _ = usable(table(words, ["x"] * 6))
    assert list(rows["text"]) == words


def test_numpy_strings_are_texts_and_labels():
    rows, _ = usable(table([np.str_("a"), "b"], [np.str_("x"), np.str_("y")]))
    assert [type(cell) for cell in [*rows["text"], *rows["label"]]] == [str] * 4


def test_a_megabyte_is_a_text():
    rows, _ = usable(table(["a", "b " * 500_000], ["x", "y"]))
    assert len(rows["text"][1]) == 999_999


def test_an_error_shows_little_of_a_long_text():
    assert len(message_for(table(["a", ["b"] * 100_000], ["x", "y"]))) < 250


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([True, False], ["True", "False"]),
        ([np.True_, np.False_], ["True", "False"]),
        ([0, 1], ["0", "1"]),
        ([np.int8(0), np.uint64(1)], ["0", "1"]),
        ([1.0, 2.0], ["1", "2"]),
        ([-1, 2**70], ["-1", str(2**70)]),
        (["007", "7"], ["007", "7"]),
    ],
)
def test_labels_become_names(labels, names):
    assert labels_of(*labels) == names


@pytest.mark.parametrize("dtype", ["int64", "Int64", "float32", "category", "str", "boolean"])
def test_labels_become_the_same_names_in_every_kind_of_column(dtype):
    given_labels = {"str": ["0", "1"], "boolean": [False, True]}.get(dtype, [0, 1])
    assert labels_of(*given_labels, dtype=dtype) == [str(label) for label in given_labels]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "1 with no label (row 1)"),
        (np.nan, "1 with no label (row 1)"),
        (np.float32("nan"), "1 with no label (row 1)"),
        (1.5, "1 with a label that is a fraction (row 1, such as 1.5)"),
        (np.inf, "1 with a label that is a fraction (row 1, such as inf)"),
        (-100, "1 with the label -100, which means none (row 1, such as -100)"),
        (decimal.Decimal(1), "1 with a label of type Decimal (row 1, such as Decimal('1'))"),
    ],
)
def test_a_label_that_is_none_is_named(value, fault):
    message = message_for(table(["a", "b"], pd.Series([1, value], dtype=object)))
    numbers = "\n  to learn numbers, say so: problem_type: regression"
    hint = numbers if "fraction" in fault else LEAVE_OUT
    assert message == f"data: 1 of 2 rows cannot be used: {fault}{hint}"


def test_all_faults_are_named_at_once_with_some_of_the_rows():
    frame = table(["", "", "", "", None, "a", "b"], ["x"] * 4 + [None, 1, "y"])
    assert message_for(frame, what="test") == (
        "test: the column 'label' mixes 5 texts and 1 number, so it is not plain which are the "
        "same; 5 of 7 rows cannot be used: 4 with an empty text (rows 0, 1, 2, ..., such as ''); "
        "1 with no text (row 4); 1 with no label (row 4)\n"
        "  make them one kind: df['label'] = df['label'].astype(str)"
    )


def test_bad_rows_are_left_out_when_that_was_asked_for_and_said():
    frame = table(["a", None, "b"], ["x", "y", None])
    rows, notice = usable(frame, drop_bad_rows=True)
    assert list(rows["row"]) == [0]
    assert notice == "data: left out 2 of 3 rows: 1 with no text (row 1); 1 with no label (row 2)"


def test_when_all_rows_are_bad_leaving_them_out_is_not_offered():
    for drop in (True, False):
        assert message_for(table([1, 2], ["x", "y"]), drop_bad_rows=drop) == (
            "data: 2 of 2 rows cannot be used: 2 with a text of type int (rows 0, 1, such as 1)\n"
            "  no row is left; are 'text' and 'label' the right columns?"
        )


def test_the_frame_of_the_user_is_left_alone():
    frame = table([" a ", None], ["x", "y"], index=[3, 3])
    before = frame.copy(deep=True)
    usable(frame, drop_bad_rows=True)
    pd.testing.assert_frame_equal(frame, before)


def test_no_rows_are_refused():
    for empty in (pd.DataFrame(), pd.DataFrame({"text": [], "label": []})):
        with pytest.raises(DataError) as caught:
            refuse_empty(empty, "test")
        assert str(caught.value) == "test: there are no rows\n  check how the data was made"


def test_whole_numbers_are_ordered_by_size_and_names_by_letter():
    assert label_names(["10", "9", "-1", "9"]) == ("-1", "9", "10")
    assert label_names(["b", "a", "10"]) == ("10", "a", "b")


@given(st.lists(st.sampled_from(["1", "01", "001", "2", "²", "-"]), min_size=1), st.randoms())
def test_the_order_of_labels_does_not_depend_on_the_order_of_rows(labels, random):
    labels = [*labels, "x", "3"]
    names = label_names(labels)
    random.shuffle(labels)
    assert label_names(labels) == names


def test_one_label_is_refused():
    with pytest.raises(DataError) as caught:
        label_names(["spam"] * 4)
    assert str(caught.value) == (
        "label: all 4 training rows have the label 'spam'\n"
        "  classification needs two labels or more; is it the right column?"
    )


def test_a_label_of_nearly_every_row_is_no_label():
    with pytest.raises(DataError) as caught:
        label_names([f"text {i}" for i in range(200)])
    assert str(caught.value) == (
        "label: 200 different labels in 200 rows look like numbers to predict, or like free text\n"
        "  numbers are learnt with problem_type: regression; else name another label: ..."
    )


def test_labels_that_training_never_showed_are_counted():
    with pytest.raises(DataError) as caught:
        refuse_unseen(["a", "c", "c", "d"], ["a", "b"], "test")
    assert str(caught.value) == (
        "test: labels that no training row has: 'c' (2 rows), 'd' (1 row)\n  known labels: a, b"
    )
    refuse_unseen(["a", "a"], ["a", "b"], "test")
