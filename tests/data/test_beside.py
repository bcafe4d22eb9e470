import pandas as pd

from nbtune.data.beside import MOST_VALUES, beside

FRAME = pd.DataFrame(
    {
        "text": ["a", "b", "c"],
        "label": ["x", "y", "x"],
        "source": ["web", None, "mail"],
        "year": [1999, 2001, 1999],
        "spam": [True, False, True],
        "same": ["one"] * 3,
        "list": [[1], [2], [3]],
    }
)
ROLES = {"text": "text", "label": "label"}


def test_columns_that_tell_rows_apart_are_kept_for_the_rows_asked_for():
    found = beside(FRAME, [2, 1], ROLES)
    assert list(found) == ["source", "year", "spam"]
    assert list(found["source"]) == ["mail", ""]
    assert list(found["year"]) == [1999.0, 2001.0]
    assert list(found["spam"]) == ["True", "False"]


def test_rows_of_a_part_are_found_by_what_the_whole_calls_them():
    part = FRAME.iloc[1:]
    assert list(beside(part, [2, 1], ROLES)["year"]) == [1999.0, 2001.0]


def test_a_column_that_names_each_row_is_left_out():
    many = pd.DataFrame({"text": ["t"] * 300, "id": [f"row {i}" for i in range(300)]})
    assert many["id"].nunique() > MOST_VALUES
    assert beside(many, range(300), {"text": "text"}).empty


def test_columns_of_several_labels_are_taken_together():
    assert "year" not in beside(FRAME, [0, 1, 2], {"text": "text", "label": ("label", "year")})
