import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.corrections import corrected, read_corrections, write_corrections
from nbtune.data.texts import LABELLED
from nbtune.errors import DataError
from nbtune.records import ACTIONS, Correction, counted

words = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=30).filter(
    lambda text: text.strip() == text
)
corrections = st.builds(
    lambda split, row, text, label, action, new: Correction(
        split, row, text, label, action, new if action == "relabel" else ""
    ),
    st.sampled_from(["train", "test"]), st.integers(0, 10**6), words, words,
    st.sampled_from(list(ACTIONS)), words,
)  # fmt: skip


def rows(*texts, label="spam", start=0):
    return pd.DataFrame(
        {"row": range(start, start + len(texts)), "text": texts, "label": [label] * len(texts)}
    )


def apply(splits, *made, labels=("ham", "spam")):
    return corrected(splits, made, LABELLED, labels)


@pytest.mark.parametrize("name", ["made.jsonl", "made.csv"])
@given(made=st.lists(corrections, max_size=5))
def test_a_file_holds_what_was_written(tmp_path_factory, name, made):
    file = tmp_path_factory.mktemp("made") / name
    write_corrections(file, made)
    assert read_corrections(file) == tuple(made)


def test_rows_are_relabelled_left_out_and_kept_for_tests():
    splits = {"train": rows("a", "b", "c"), "test": rows("d", "e", start=3)}
    found, told = apply(
        splits,
        Correction("train", 0, "a", "spam", "relabel", "ham"),
        Correction("train", 1, "b", "spam", "ambiguous"),
        Correction("test", 3, "d", "spam", "ambiguous"),
        Correction("test", 4, "e", "spam", "delete"),
    )
    assert found["train"][["text", "label"]].to_numpy().tolist() == [["a", "ham"], ["c", "spam"]]
    assert list(found["test"]["text"]) == ["d"], "ambiguous, and still a test"
    assert told == "corrections: 1 relabelled, 2 ambiguous, 1 deleted"
    assert list(splits["train"]["label"]) == ["spam"] * 3, "what is given stays"


def test_a_row_is_corrected_in_whatever_split_it_is_now():
    made = Correction("test", 0, "a", "spam", "relabel", "ham")
    found, _ = apply({"train": rows("a", "b")}, made)
    assert list(found["train"]["label"]) == ["ham", "spam"]


def test_rows_that_have_moved_are_found_by_what_they_say():
    made = Correction("train", 7, "b", "spam", "delete")
    found, told = apply({"train": rows("a", "b")}, made)
    assert list(found["train"]["text"]) == ["a"]
    assert told == "corrections: 1 deleted"


def test_a_copy_of_a_corrected_row_stays_as_it_is():
    found, _ = apply({"train": rows("a", "a")}, Correction("train", 1, "a", "spam", "delete"))
    assert list(found["train"]["row"]) == [0]


def test_what_is_not_there_is_counted_and_nothing_at_all_refused():
    here = Correction("train", 0, "a", "spam", "delete")
    gone = Correction("train", 1, "other", "spam", "delete")
    assert "1 deleted; 1 not found" in apply({"train": rows("a", "b")}, here, gone)[1]
    with pytest.raises(DataError, match="none of the 1 rows is one of the data's"):
        apply({"train": rows("a", "b")}, gone)


def test_corrections_that_leave_nothing_to_learn_or_to_judge_by_are_refused():
    splits = {
        "train": pd.concat([rows("a"), rows("b", label="ham", start=1)], ignore_index=True),
        "validation": rows("c", start=2),
    }
    last_ham = Correction("train", 1, "b", "ham", "delete")
    last_row = Correction("validation", 2, "c", "spam", "ambiguous")
    with pytest.raises(DataError) as refused:
        apply(splits, last_ham, last_row)
    assert "no training row with the label 'ham', no validation row" in str(refused.value)
    relabelled = Correction("train", 0, "a", "spam", "relabel", "ham")
    with pytest.raises(DataError, match="no training row with the label 'spam'"):
        apply(splits, relabelled)
    other = rows("d", "e", start=3)
    assert apply({**splits, "test": other}, Correction("test", 3, "d", "spam", "delete"))


def test_a_label_that_is_none_is_refused_with_the_nearest():
    with pytest.raises(DataError, match="no training row has the label 'hamm'") as refused:
        apply({"train": rows("a")}, Correction("train", 0, "a", "spam", "relabel", "hamm"))
    assert "did you mean 'ham'" in str(refused.value)


def test_all_that_is_wrong_with_a_file_is_said_at_once(tmp_path):
    file = tmp_path / "made.csv"
    file.write_text(
        "split,row,text,label,action,new_label\n"
        "test,one,a,spam,delete,\ntest,1,a,spam,drop,\ntest,2,a,spam,relabel,\n"
    )
    with pytest.raises(DataError) as refused:
        read_corrections(file)
    for said in ("line 1: row is 'one'", "line 2: there is no action 'drop'", "line 3: a row is"):
        assert said in str(refused.value)
    file.write_text("row,text\n1,a\n")
    with pytest.raises(DataError, match="has no column split, label, action"):
        read_corrections(file)
    with pytest.raises(DataError, match="there is no file"):
        read_corrections(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match=r"name end in .jsonl or .csv"):
        write_corrections(tmp_path / "made.xlsx", [])


def test_counts_are_told():
    assert counted([]) == "nothing corrected"
