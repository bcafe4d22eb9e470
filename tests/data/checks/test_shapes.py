"""Rows of other tasks are known by their columns, and what is planted in them is found."""

import numpy as np
import pandas as pd
import pytest

import nbtune
from nbtune.data.checks.lengths import lost_of
from nbtune.data.checks.recognising import shape_of
from nbtune.data.checks.shapes import VARIANTS
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
        "language_modelling": {"text": ["a b"]},
        "image-classification": {"image": ["a.png"], "label": ["x"]},
        "": {"text": ["a b"], "label": ["x"]},
    }
    for task, columns in cases.items():
        assert shape_of(pd.DataFrame(columns), Recipe()) == task, columns
    named = Recipe(task="token-classification")
    assert shape_of(pd.DataFrame({"a": ["b"]}), named) == "token-classification"
    with pytest.raises(DataError, match="rows for sentence-similarity are not looked at"):
        shape_of(pd.DataFrame({"text": ["b"]}), Recipe(task="sentence-similarity"))


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


def corpus():
    texts = [f"The {word} of {place}\n  is old." for word in ("house", "bridge", "mill", "wall")
             for place in ("Ayr", "Brest", "Cork", "Delft", "Ghent")]  # fmt: skip
    return pd.DataFrame({"text": [*texts, texts[0], "Write to ann@mail.example.org", "", "cafÃ©"]})


def test_texts_alone_are_looked_at_as_what_language_is_learnt_from(tmp_path):
    folder = str(tiny_model_folder(tmp_path / "model"))
    report = nbtune.check_data(corpus(), display="none", model=folder, max_length=8)
    assert report.record.task == "language_modelling"
    found = dict(zip(report.findings["check"], report.findings["count"], strict=True))
    assert {check: count for check, count in found.items() if count < 10} == {
        "unusable": 1, "duplicates": 1, "personal": 1, "encoding": 1,
    }  # fmt: skip
    assert report["no_labels"].fix.startswith("task: text-generation")
    assert "truncation" not in found, "longer texts are read in parts"
    assert report.record.lengths.longer > 0.5
    faces = report._repr_mimebundle_()
    for face in (faces["text/plain"], faces["text/html"]):
        assert "rows for language modelling" in face
        assert "read in parts; nothing is lost" in " ".join(face.split())
        assert "in all" in face
        assert "ann@" not in face
    assert [ax.get_title() for ax in report.figure().axes] == ["Lengths"]
    again = type(report.record).from_json(report.record.to_json())
    assert again.lengths == report.record.lengths


def test_texts_alone_are_mended_in_place_where_that_mends_them():
    frame = corpus()
    report = nbtune.check_data(frame, display="none", tokenize=False)
    assert "leaves these rows out" not in report["encoding"].fix
    assert "leaves these rows out" in report["duplicates"].fix
    mended = nbtune.mend(frame, "unusable", "duplicates", "encoding", "personal")
    assert len(mended) == len(frame) - 2
    assert list(mended["text"].tail(2)) == ["Write to [email]", "café"]


@pytest.mark.parametrize("task", ["text-generation", "fill-mask"])
def test_a_task_that_foretells_words_takes_texts_with_other_columns(task):
    frame = corpus().assign(year=range(24))
    report = nbtune.check_data(frame, display="none", tokenize=False, task=task)
    assert "no_labels" not in report
    assert report["duplicates"].count == 1
    assert f"task='{report.record.task}'" in report["duplicates"].fix


def test_very_long_texts_are_reckoned_from_their_beginning(tmp_path):
    from nbtune.data.checks.lengths import count_tokens
    from nbtune.jobs.choosing import find_source
    from nbtune.models.loading import load_tokenizer

    tokenizer = load_tokenizer(find_source(str(tiny_model_folder(tmp_path / "model"))), [])
    short, long = count_tokens([("a b c d " * times,) for times in (1_000, 50_000)], tokenizer)[0]
    assert long == pytest.approx(50 * short, rel=0.01)


@pytest.mark.parametrize("task", [*PLANTED, "fill-mask"])
def test_what_is_learnt_of_rows_is_shown_for_every_task(task, tmp_path):
    rows = rows_of_task(task, 12)[0] if task in PLANTED else topic_rows(12)
    asked = VARIANTS.get(task, {"task": task})
    writes = task in ("text-generation", "preference-tuning")
    model = "scratch-decoder" if writes else str(tiny_model_folder(tmp_path / "model"))
    preview = nbtune.check_data(rows, model=model, display="none", **asked).record.preview
    assert len(preview.rows) == 3
    assert all("target" in {kind for kind, _ in row} for row in preview.pieces)
