import gzip

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data import stretches
from nbtune.data.plain import PLAIN
from nbtune.data.preparing import prepare
from nbtune.data.stretches import STRETCH, Stretch, read_stretches, stretched
from nbtune.errors import DataError
from nbtune.recipe import Recipe

RECIPE = Recipe(task="text-generation", streaming=True, clean=("control",))


def suit(frame, recipe):
    return recipe, stretched(recipe)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(stretches, "LENGTH", 8)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=90), st.integers(1, 12))
def test_stretches_of_a_file_are_its_text_in_order(tmp_path_factory, text, length):
    folder = tmp_path_factory.mktemp("texts")
    (folder / "a.txt").write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "LENGTH", length)
        if not text.encode().removeprefix(b"\xef\xbb\xbf"):
            with pytest.raises(DataError, match=r"no \.txt file that holds something"):
                read_stretches(folder)
            return
        if text.encode().startswith((b"\xff\xfe", b"\xfe\xff")):
            return
        cells = read_stretches(folder)["train"][STRETCH]
    parts = [Stretch.at(cell).read() for cell in cells]
    assert "".join(parts).encode() == text.encode().removeprefix(b"\xef\xbb\xbf")


def test_a_stretch_ends_with_a_line_else_with_a_word(tmp_path, short):
    (tmp_path / "a.txt").write_text("one two three\nfour\nfive six seven eight nine")
    parts = [Stretch.at(c).read() for c in read_stretches(tmp_path)["train"][STRETCH]]
    assert parts == ["one two three\n", "four\nfive ", "six seven ", "eight nine"]


def test_held_out_rows_are_texts_and_training_rows_lie_in_files(tmp_path, short):
    (tmp_path / "b").mkdir()
    (tmp_path / "a.txt").write_text("".join(f"line {i:02}\n" for i in range(20)))
    (tmp_path / "b" / "c.txt").write_text("the last\n")
    recipe = RECIPE.model_copy(update={"validation_size": 4.0, "test_size": 2.0})
    found = prepare(recipe, str(tmp_path), suit=suit)
    train, held_out = found.splits["train"], found.splits["validation"]
    assert list(train.columns) == ["row", "content", "stretch"]
    assert len(held_out) == 4
    assert held_out["text"].str.fullmatch(r"line \d\d\n").all()
    opened = found.kind.opened(train)
    every = [*opened["text"], *held_out["text"], *found.splits["test"]["text"]]
    assert sorted(every) == [*(f"line {i:02}\n" for i in range(20)), "the last\n"]
    assert found.kind.texts(train) == list(opened["text"])
    assert set(found.beside["validation"].columns) <= {"file"}


def test_files_that_are_called_as_splits_are_these_and_read_alone(tmp_path, short):
    for name in ("train", "test", "readme"):
        (tmp_path / f"{name}.txt").write_text(f"{name} {name}\n")
    recipe = RECIPE.model_copy(update={"validation_size": 0.0})
    found = prepare(recipe, tmp_path, suit=suit).splits
    assert set(found) == {"train", "test"}
    assert len(found["train"]) == 1
    assert list(found["test"]["text"]) == ["test test\n"]


def test_another_text_is_another_run_and_the_same_one_is_not(tmp_path, short):
    file = tmp_path / "a.txt"
    file.write_text("one two\nthree 3\n")
    recipe = RECIPE.model_copy(update={"validation_size": 0.0, "test_size": 0.0})
    first = prepare(recipe, tmp_path, suit=suit)
    assert prepare(recipe, tmp_path, suit=suit).fingerprint == first.fingerprint
    file.write_text("one two\nthree 4\n")
    assert prepare(recipe, tmp_path, suit=suit).fingerprint != first.fingerprint
    with pytest.raises(DataError, match=r"a\.txt was changed after the run began"):
        first.kind.opened(first.splits["train"])
    file.unlink()
    with pytest.raises(DataError, match=r"a\.txt is gone after the run began"):
        first.kind.opened(first.splits["train"])


def test_stretches_that_cannot_be_used_are_named_at_once(tmp_path, short):
    (tmp_path / "a.txt").write_bytes(
        b"all well here\n\x00\x01\x02 \x03\x00\x00\x07\x07 \n\xff\xfe bad\n"
    )
    with pytest.raises(DataError) as caught:
        prepare(RECIPE, tmp_path, suit=suit)
    told = str(caught.value)
    assert "2 of 3 rows cannot be used" in told
    assert "1 with an empty text (row 1, such as a.txt from byte 14)" in told
    assert "1 with bytes that are no UTF-8 (row 2, such as a.txt from byte" in told
    assert "save these files as UTF-8" in told
    kept = RECIPE.model_copy(
        update={"drop_bad_rows": True, "validation_size": 0.0, "test_size": 0.0}
    )
    assert len(prepare(kept, tmp_path, suit=suit).splits["train"]) == 1


def test_what_is_not_read_in_stretches_is_refused(tmp_path):
    for source, said in (
        (pd.DataFrame({"text": ["a"]}), "the data is a DataFrame"),
        ("topics", "the data is 'topics'"),
        (tmp_path, "has no .txt file"),
    ):
        with pytest.raises(DataError, match=said):
            read_stretches(source)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"a b"))
    with pytest.raises(DataError, match=r"a\.txt\.gz is no plain \.txt file"):
        read_stretches(tmp_path)
    (tmp_path / "wide.txt").write_bytes("a b".encode("utf-16"))
    with pytest.raises(DataError, match=r"wide\.txt is UTF-16"):
        read_stretches(tmp_path / "wide.txt")


def test_rows_from_elsewhere_are_read_as_texts(tmp_path):
    rows = stretched(RECIPE)
    frame = pd.DataFrame({"text": ["one", "two"]})
    found, _ = rows.usable(frame, rows.find(frame, {}).roles, RECIPE, "data")
    plain, _ = PLAIN.usable(frame, {"text": "text"}, RECIPE, "data")
    assert found.equals(plain)
    assert rows.opened(found) is found
    assert len(set(rows.identity(found))) == 2
