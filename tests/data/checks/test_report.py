"""What `nbtune.check_data` says of pairs, of numbers, and of splits in any order."""

import numpy as np
import pandas as pd
import pytest

import nbtune
from nbtune.errors import DataError
from nbtune.plots.numbers import plot_numbers
from nbtune.plots.style import new_figure

PREMISES = [f"a {kind} runs over the wide field" for kind in ("dog", "cat", "horse", "man", "cow")]
HYPOTHESES = {
    "an animal moves": "entailment",
    "it is raining": "neutral",
    "nobody is there": "contradiction",
}


def checked(data, **settings):
    return nbtune.check_data(data, display="none", tokenize=False, **settings)


def pairs():
    rows = [(a, b, label) for a in PREMISES for b, label in HYPOTHESES.items()]
    return pd.DataFrame(rows, columns=["premise", "hypothesis", "label"])


def scores(rows=40):
    places = np.arange(rows)
    texts = [f"text {i} is {'very ' * (i % 5)}good" for i in places]
    return pd.DataFrame({"text": texts, "score": np.round(1 + places % 5 + 0.25, 2)})


def test_the_text_of_a_pair_is_both_texts():
    report = checked(pairs())
    assert not {"conflicts", "duplicates", "near_duplicates"} & set(report.findings["check"])
    roles = {one.name: one.role for one in report.record.columns}
    assert roles == {"premise": "text", "hypothesis": "text_pair", "label": "label"}
    assert len(nbtune.mend(pairs(), "conflicts", "duplicates")) == 15


def test_a_pair_that_comes_twice_is_found_and_left_out():
    frame = pairs()
    frame = pd.concat([frame, frame.iloc[[3]], frame.iloc[[4]].assign(label="neutral2")])
    frame.loc[len(frame)] = ["a text alone", None, "neutral"]
    report = checked(frame.reset_index(drop=True))
    assert report["duplicates"].count == 1
    assert report["conflicts"].examples[0].startswith(f"{PREMISES[1]} ||| it is raining")
    assert "a pair of texts" in report["conflicts"].what
    assert report["unusable"].count == 1
    assert len(nbtune.mend(frame, "duplicates", "conflicts", "unusable")) == 14


def test_both_texts_of_a_pair_are_written_anew():
    frame = pairs()
    frame.loc[0, "hypothesis"] = "write to ann@example.org"
    mended = nbtune.mend(frame, "personal")
    assert mended["hypothesis"][0] == "write to [email]"
    assert len(mended) == 15


def test_numbers_are_no_labels():
    frame = scores()
    frame.loc[40] = [frame["text"][0], 4.75]
    frame.loc[41] = ["a text without one", None]
    report = checked(frame, label="score")
    assert report.record.task == "regression"
    assert report["unusable"].count == 1
    assert report["conflicts"].severity == "warning"
    assert set(report.findings["check"]) == {"unusable", "conflicts", "numbers"}
    assert report.record.labels == {}
    assert " → " in report["numbers"].examples[0]
    numbers = report.record.numbers
    assert (numbers.low, numbers.high) == (1.25, 5.25)
    assert sum(numbers.counts["train"]) == 41
    assert "1.25 to 5.25" in report.text
    assert "1.25 to 5.25" in report._repr_mimebundle_()["text/html"]
    again = type(report.record).from_json(report.record.to_json())
    assert again == report.record


def test_the_lines_for_numbers_run_and_keep_the_rest():
    df = scores()
    df.loc[40] = ["a text without one", None]
    line = checked(df, label="score")["unusable"].fix
    assert "nbtune.mend(df, 'unusable', task='regression', label='score')" in line
    assert len(nbtune.mend(df, "unusable", task="regression", label="score")) == 40
    asked = checked(scores().assign(score=3), problem_type="regression", label="score")
    assert asked.record.task == "regression", "whole numbers where the recipe says so"


def test_numbers_are_drawn_as_a_histogram():
    record = checked(scores(), label="score").record
    _, axes = new_figure(4, 3)
    plot_numbers(record.numbers, axes[0, 0])
    heights = [bar.get_height() for bar in axes[0, 0].patches]
    assert sum(heights) == 40
    assert axes[0, 0].get_title() == "Numbers"


@pytest.mark.parametrize("order", [("train", "test"), ("test", "train")])
def test_near_leaks_are_found_in_splits_of_any_order(order, tmp_path):
    text = "the quick brown fox jumps over the lazy dog every single day of the year"
    kept = "a loaf of bread and a slice of ham lie on the table of the long kitchen"
    train = pd.DataFrame({"text": [f"{text} again", kept], "label": ["x", "y"]})
    test = pd.DataFrame({"text": [text, "some other words in here"], "label": ["x", "y"]})
    parts = {"train": train, "test": test}
    report = checked({name: parts[name] for name in order})
    assert report["near_overlap"].count == 1
    assert list(report.record.rows) == ["train", "test"]
    mended = nbtune.mend({name: parts[name] for name in order}, "near_overlap")
    assert list(mended[mended["split"] == "train"]["text"]) == [kept]
    assert (mended["split"] == "test").sum() == 2


def test_near_copies_between_parts_that_are_not_for_testing_are_no_leaks():
    text = "the quick brown fox jumps over the lazy dog every single day of the year"
    train = pd.DataFrame({"text": [text, "something else here"], "label": ["x", "y"]})
    more = pd.DataFrame({"text": [f"{text} again"], "label": ["x"]})
    assert "near_overlap" not in checked({"train": train, "unsupervised": more})


def test_rows_without_a_train_part_are_looked_at():
    frame = pd.DataFrame(
        {"text": ["a b c", "a b c", "d e f", "g h i"], "label": ["x", "x", "y", "Y"]}
    )
    report = checked({"test": frame})
    assert report.record.rows == {"test": 4}
    assert report["duplicates"].what == "rows are copies of an earlier one, text and label"
    assert report["labels"].count == 1
    assert len(nbtune.mend({"test": frame}, "duplicates")) == 3
    both = checked({"test": frame, "validation": frame.iloc[:2]})
    assert "overlap" not in both


@pytest.mark.parametrize("kept", [True, False])
def test_a_part_whose_labels_are_kept_secret_is_no_fault(kept):
    train = pd.DataFrame({"text": ["a b c", "d e f"] * 6, "label": ["x", "y"] * 6})
    test = pd.DataFrame({"text": ["a b c", "k l m"]})
    report = checked({"train": train, "test": test.assign(label=None) if kept else test})
    assert "unusable" not in report
    assert report["overlap"].count == 6
    assert len(nbtune.mend({"train": train, "test": test}, "overlap")) == 8


def test_a_part_without_texts_is_refused():
    train = pd.DataFrame({"text": ["a b c", "d e f"] * 6, "label": ["x", "y"] * 6})
    with pytest.raises(DataError, match="test: there is no column 'text'; it has said"):
        checked({"train": train, "test": pd.DataFrame({"said": ["a b c"]})})
