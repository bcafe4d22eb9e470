import pandas as pd

from nbtune.data.plain import PLAIN
from nbtune.data.preparing import prepare
from nbtune.recipe import Recipe


def prepared(source, **settings):
    return prepare(Recipe(**settings), source, suit=lambda frame, recipe: (recipe, PLAIN))


def test_a_column_of_texts_is_enough():
    found = prepared(pd.DataFrame({"text": [f"a text {i}" for i in range(20)], "n": range(20)}))
    assert {split: len(rows) for split, rows in found.splits.items()} == {
        "train": 16, "validation": 2, "test": 2,
    }  # fmt: skip
    assert found.labels == ()
    assert dict(found.columns) == {"text": "text"}


def test_texts_of_many_files_stay_together():
    names = [f"{i // 5}.txt" for i in range(200)]
    found = prepared(pd.DataFrame({"text": [f"text {i}" for i in range(200)], "file": names}))
    own = {split: set(rows["file"]) for split, rows in found.splits.items()}
    assert not own["train"] & own["validation"]
    assert not own["train"] & own["test"]
    assert len(own["test"]) == 4


def test_texts_of_few_files_are_split_one_by_one():
    names = ["a.txt"] * 10 + ["b.txt"] * 10
    found = prepared(pd.DataFrame({"text": [f"text {i}" for i in range(20)], "file": names}))
    assert len(found.splits["validation"]) == 2
