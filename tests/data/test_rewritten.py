import pandas as pd
import pytest

from nbtune.data.reading import read
from nbtune.data.rewritten import REWRITTEN, task_meant
from nbtune.errors import DataError
from nbtune.recipe import Recipe


def frame_of(**columns):
    return pd.DataFrame(columns, dtype=object)


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (["document", "summary"], {"source": "document", "target": "summary"}),
        (["id", "Article", "Highlights"], {"source": "Article", "target": "Highlights"}),
        (["en", "fr"], {"source": "en", "target": "fr"}),
        (["text", "label"], {"source": "text", "target": "label"}),
        (["title", "body"], {"source": "body", "target": "title"}),
    ],
)
def test_columns_are_found(names, roles):
    frame = frame_of(**{name: ["a text", "more"] for name in names})
    assert REWRITTEN.find(frame, {}).roles == roles


def test_what_is_not_plain_is_asked_for():
    frame = frame_of(English=["a"], fr=["b"], de=["c"])
    with pytest.raises(DataError, match="no column of sources and none of targets"):
        REWRITTEN.find(frame, {})
    assert REWRITTEN.find(frame, {"source": "de", "target": "fr"}).roles["source"] == "de"
    with pytest.raises(DataError, match="the same column"):
        REWRITTEN.find(frame, {"source": "de", "target": "de"})
    with pytest.raises(DataError) as wrong:
        REWRITTEN.find(frame, {"source": "english", "target": "fr"})
    assert wrong.value.hint == "did you mean 'English'?"


def test_all_bad_rows_are_named_at_once():
    frame = frame_of(source=["a", "", None, "d"], target=["x", "y", "z", "  "])
    roles = REWRITTEN.find(frame, {}).roles
    with pytest.raises(DataError) as bad:
        REWRITTEN.usable(frame, roles, Recipe(), "data")
    assert "3 of 4 rows cannot be used" in bad.value.problem
    assert "1 with an empty target (row 3" in bad.value.problem
    assert "1 with no source" in bad.value.problem
    rows, told = REWRITTEN.usable(frame, roles, Recipe(drop_bad_rows=True), "data")
    assert list(rows["target"]) == ["x"]
    assert "left out 3 of 4 rows" in told


def test_texts_by_language_become_columns():
    rows = [{"id": 1, "translation": {"en": "yes", "fr": "oui"}}]
    assert list(read(rows)["train"].columns) == ["id", "en", "fr"]
    assert list(read([{"translation": "oui", "text": "yes"}])["train"]) == ["translation", "text"]


def test_pairs_are_rows():
    frame = read([("a cat", "un chat"), ("a dog", "un chien")])["train"]
    assert REWRITTEN.find(frame, {}).roles == {"source": "text", "target": "label"}
    assert list(frame["label"]) == ["un chat", "un chien"]


def test_a_label_leaves_the_task_open():
    assert task_meant(pd.DataFrame(columns=["source", "target"])) == "text2text-generation"
    assert task_meant(pd.DataFrame(columns=["dialogue", "summary", "id"])) == "summarization"
    assert task_meant(pd.DataFrame(columns=["text", "summary", "stars"])) is None
    assert task_meant(pd.DataFrame(columns=["text", "target"])) is None
