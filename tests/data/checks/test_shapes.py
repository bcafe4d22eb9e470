"""Rows of other tasks are known by their columns, and what is planted in them is found."""

import numpy as np
import pandas as pd
import pytest

import nbtune
from nbtune.data.checks.lengths import lost_of
from nbtune.data.checks.recognising import shape_of
from nbtune.data.checks.taken import look_as
from nbtune.data.reading import read
from nbtune.errors import DataError
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model_folder, topic_rows
from nbtune.testing.planting import PLANTED, plant_in, rows_of_task


def found_in(task, train, test):
    taken = look_as(task, {"train": train, "test": test}, Recipe(clean=()))
    return {one.check: set(map(int, one.rows)) for one in taken.meant}


@pytest.mark.parametrize("task", list(PLANTED))
def test_what_is_planted_is_found_and_hardly_anything_else(task):
    own, test = rows_of_task(task, 150)
    before = found_in(task, own, test)
    train, planted = plant_in(task, own, test, count=4)
    found = found_in(task, train, test)
    for check, rows in planted.items():
        assert set(rows) <= found.get(check, set()), check
        # Copies contradict the rows that they are made of, and those are told as well.
        more = found[check] - set(rows) - before.get(check, set())
        assert check in ("conflicts", "both_sides") or not {row for row in more if row < len(own)}


def test_rows_are_known_by_their_columns():
    cases = {
        "translation": {"en": ["a"], "fr": ["b"]},
        "question-answering": {"context": ["a b"], "question": ["q"], "answers": ["a"]},
        "token-classification": {"tokens": [["a"]], "tags": [["O"]]},
        "text-generation": {"messages": [[{"role": "user", "content": "a"}]]},
        "preference-tuning": {"prompt": ["a"], "chosen": ["b"], "rejected": ["c"]},
        "multi_label_classification": {"text": ["a b c"], "labels": [["x"]]},
        "summarization": {"article": ["a b"], "highlights": ["a"]},
        "": {"text": ["a b"], "label": ["x"]},
    }
    for task, columns in cases.items():
        assert shape_of(pd.DataFrame(columns), Recipe()) == task, columns
    named = Recipe(task="token-classification")
    assert shape_of(pd.DataFrame({"a": ["b"]}), named) == "token-classification"
    with pytest.raises(DataError, match="rows for fill-mask are not looked at"):
        shape_of(pd.DataFrame({"text": ["b"]}), Recipe(task="fill-mask"))


def test_a_report_names_the_task_and_mends_rows_of_it():
    own, test = rows_of_task("translation", 60)
    train, _ = plant_in("translation", own, test, count=2)
    frame = pd.concat([train.assign(split="train"), test.assign(split="test")], ignore_index=True)
    report = nbtune.check_data(frame, display="none", tokenize=False)
    assert report.record.task == "translation" or report.record.task == "text2text-generation"
    assert {one.name: one.role for one in report.record.columns}["source"] == "source"
    finding = report["copied_sources"]
    assert finding.count == 2
    assert "task='text2text-generation'" in finding.fix
    mended = nbtune.mend(frame, "copied_sources", "unusable", "overlap")
    again = nbtune.check_data(mended, display="none", tokenize=False)
    assert not {"copied_sources", "unusable", "overlap"} & set(again.findings["check"])
    assert len(frame) - len(mended) >= 6
    faces = report._repr_mimebundle_()
    assert "rows for text2text-generation" in faces["text/plain"]
    assert "Rows by label" not in faces["text/html"]
    assert report.figure() is not None
    with pytest.raises(DataError, match="there is no check 'copied_source'"):
        nbtune.mend(frame, "copied_source")


def test_what_is_to_be_written_is_counted_against_its_limit(tmp_path):
    folder = str(tiny_model_folder(tmp_path / "model"))
    frame = pd.DataFrame(
        {"source": ["a b c"] * 9 + ["d e f"], "target": ["x y " * 40, *"abcdefghi"]}
    )
    report = nbtune.check_data(frame, display="none", model=folder, max_target_length=8)
    assert report["cut_targets"].count == 1
    limit = int(report["cut_targets"].fix.removeprefix("max_target_length: "))
    assert limit == report.record.targets.longest
    assert "max_target_length" in report.text
    assert "max_target_length" in report._repr_mimebundle_()["text/html"]
    chats = pd.DataFrame(
        {"prompt": ["what is it"] * 9 + ["and now"], "completion": ["yes " * 60] * 10}
    )
    found = nbtune.check_data(chats, display="none", model=folder, max_length=16)
    assert "of the tokens that are to be learnt" in found["truncation"].what
    lost = found.truncation.set_index("max_length").loc[16, "learnt"]
    assert 0.9 < lost < 0.97
    assert "answers" in found.text
    again = type(found.record).from_json(found.record.to_json())
    assert again.lengths == found.record.lengths


def test_signs_are_looked_for_in_answers_as_well():
    frame, _ = rows_of_task("text-generation", 40)
    frame.loc[3, "completion"] += " Write to ann@mail.example.org or <b>call</b>."
    report = nbtune.check_data(frame, display="none", tokenize=False)
    assert report["personal"].count == report["markup"].count == 1
    assert "[email]" in report["personal"].examples[0]
    assert "ann@" not in report.record.to_json()
    frame, _ = rows_of_task("preference-tuning", 40)
    report = nbtune.check_data(frame, display="none", tokenize=False)
    assert "≻" in report["length_bias"].examples[0] if "length_bias" in report else True


def test_half_of_the_room_is_kept_for_what_is_asked():
    lengths, written = np.array([10, 10, 10, 4]), np.array([8, 5, 2, 2])
    assert lost_of(lengths, written, 6).tolist() == [4, 2, 0, 0]


def test_types_of_spans_are_counted_and_texts_escaped():
    rows = pd.DataFrame(
        {"tokens": [["<b>Ann</b>", "sat"]] * 3 + [["Bo"]], "tags": [["B-PER", "O"]] * 3 + [["O"]]}
    )
    report = nbtune.check_data(rows, display="none", tokenize=False)
    assert report.record.labels == {"train": {"PER": 3}}
    html = report._repr_mimebundle_()["text/html"]
    assert "Spans by type" in html
    assert "<b>Ann" not in html


def test_one_label_a_text_is_looked_at_as_before():
    report = nbtune.check_data(topic_rows(30), display="none", tokenize=False)
    assert report.record.task == ""
    assert set(report.record.weights) == {"animal", "food", "place"}
    assert np.isfinite(list(report.record.weights.values())).all()
    assert read(topic_rows(30))["train"].shape == (30, 2)
