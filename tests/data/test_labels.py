import numpy as np
import pandas as pd
import pytest

from nbtune.data.labels import MANY_LABELLED, holds_lists, hot, separator_of
from nbtune.data.numbers import NUMBERED
from nbtune.errors import DataError
from nbtune.recipe import Recipe


def usable(labels, kind=MANY_LABELLED, **settings):
    frame = pd.DataFrame({"text": [f"text {i}" for i in range(len(labels))]})
    frame["label"] = pd.Series(labels, dtype=object)
    return kind.usable(frame, {"text": "text", "label": "label"}, Recipe(**settings), "data")[0]


def test_lists_sets_arrays_and_parted_texts_say_the_same():
    rows = usable([["b", "a", "a"], {"a", "b"}, np.array(["a", "b"]), "b | a|", []],
                  label_separator="|")  # fmt: skip
    assert list(rows["label"]) == [["a", "b"]] * 4 + [[]]
    assert MANY_LABELLED.labels(rows) == ("a", "b")
    assert hot(rows, ("a", "b")).tolist() == [[True, True]] * 4 + [[False, False]]


def test_what_parts_labels_is_seen():
    assert separator_of(pd.Series(["a;b", "a, or so;b", "b"])) == ";"
    assert separator_of(pd.Series(["a", "b"])) is None
    assert holds_lists(pd.Series([["a"], None]))
    assert not holds_lists(pd.Series(["a", ["b"]]))


@pytest.mark.parametrize("marks", [[1, 0], ["1", "0"], [True, False], [1.0, 0.0]])
def test_columns_of_0_and_1_are_labels(marks):
    frame = pd.DataFrame({"text": ["one text here", "two texts here"], "a": marks, "b": [1, 1]})
    found = MANY_LABELLED.find(frame, {"label": ("a", "b")})
    rows, _ = MANY_LABELLED.usable(frame, found.roles, Recipe(), "data")
    assert list(rows["label"]) == [["a", "b"], ["b"]]


def test_every_bad_row_is_named():
    with pytest.raises(DataError) as caught:
        usable([["a"], None, [1.5], ["a", None]])
    assert str(caught.value) == (
        "data: 3 of 4 rows cannot be used: 1 with no labels (row 1); "
        "1 with a label that is a fraction among its labels (row 2, such as [1.5]); "
        "1 with no label among its labels (row 3, such as ['a', None])\n"
        "  a row without any label has an empty list, []; or leave it out: drop_bad_rows: true"
    )
    frame = pd.DataFrame({"text": ["some words here"], "a": [2], "b": [1]})
    with pytest.raises(DataError, match="1 with neither 0 nor 1 in 'a'"):
        MANY_LABELLED.usable(frame, {"text": "text", "label": ("a", "b")}, Recipe(), "data")


def test_numbers_come_from_texts_as_well_and_others_are_named():
    assert list(usable(["1.5", 2, 3.25], NUMBERED)["label"]) == [1.5, 2, 3.25]
    with pytest.raises(DataError, match="1 with a text for a number"):
        usable([1, "high"], NUMBERED)
    with pytest.raises(DataError, match="all 2 training rows have the number 3"):
        NUMBERED.scale(usable([3, 3], NUMBERED))
