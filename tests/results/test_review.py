"""Rows looked through and corrected, and a run that goes on from there."""

import shutil

import numpy as np
import pandas as pd
import pytest

import nbtune
from nbtune.data.corrections import read_corrections
from nbtune.errors import DataError, RecipeError, RunError
from nbtune.jobs.folders import read_rows
from nbtune.records import Correction, ReviewedRow
from nbtune.results.review import Review
from nbtune.testing import tiny_model_folder, topic_rows


@pytest.fixture
def review(trained, tmp_path):
    """The test rows of a run, whose corrections are written elsewhere."""
    whole = nbtune.review(trained, display="none")
    return Review(
        whole.name, whole.split, whole.labels, whole.rows, tmp_path / "made.jsonl", trained.recipe
    )


def test_rows_say_what_the_run_says(review, judged):
    frame = review.select(sort="row").merge(judged.frame, on="row", suffixes=("", "_judged"))
    assert len(frame) == len(judged.frame)
    for name in ("label", "prediction", "text"):
        assert list(frame[name]) == list(frame[f"{name}_judged"])
    assert list(frame["probability"]) == pytest.approx(list(frame["probability_judged"]))
    assert (review.confusion.counts == pd.DataFrame(judged.confusion).to_numpy()).all()


def test_curves_go_by_the_corrections(review, tmp_path):
    label, chances = review.labels[0], np.random.default_rng(0).random((len(review.rows), 3))
    place = tmp_path / "others.jsonl"
    review = Review("r", "test", review.labels, review.rows, place, chances=chances)
    before = review.curve(label)[-1]
    assert before.rows == len(review.rows)
    missing = [one.row for one in review.rows if one.label != label]
    review.relabel(missing[0], label)
    review.delete(missing[1])
    after = review.curve(label)[-1]
    assert after.rows == before.rows - 1
    assert round(after.precision * after.rows) == round(before.precision * before.rows) + 1
    review.delete([one.row for one in review.rows])
    assert review.curve(label) == []


def test_a_row_without_labels_does_not_have_the_label_none(tmp_path):
    def row(number, *labels):
        return ReviewedRow(number, "a text", ", ".join(labels) or "none", "none", 0.9, 0.1, 0.5,
                           False, (("none", 0.9),), labels=labels, given=("none",))  # fmt: skip

    chances = np.array([[0.9, 0.1], [0.8, 0.1], [0.7, 0.1]])
    rows = [row(0), row(1, "none"), row(2, "food")]
    found = Review("r", "test", ("none", "food"), rows, tmp_path / "made.jsonl", chances=chances,
                   relabels="several")  # fmt: skip
    assert [stop.precision for stop in found.curve("none")] == [0, 0.5, pytest.approx(1 / 3)]


def test_a_row_is_explained_by_the_run(trained):
    whole = nbtune.review(trained, display="none")
    (one,) = whole.explain(whole.rows[0].row)
    assert (one.texts, one.label) == ((whole.rows[0].text,), whole.rows[0].prediction)
    with pytest.raises(DataError, match="row 99999 is none of the"):
        whole.explain(99999)


def test_rows_are_found_and_sorted(review):
    first = review.rows[0]
    word = first.text.split()[0]
    assert all(word in text for text in review.select(search=word.upper())["text"])
    assert set(review.select(label=first.label)["label"]) == {first.label}
    assert list(review.select(sort="loss")["loss"]) == sorted(
        (one.loss for one in review.rows), reverse=True
    )
    assert (review.select(wrong=True)["label"] != review.select(wrong=True)["prediction"]).all()
    doubted = list(review.select()["is_suspect"])
    assert doubted == sorted(doubted, reverse=True)
    with pytest.raises(DataError, match="did you mean 'loss'"):
        review.select(sort="los")


def test_each_change_is_written_down_and_taken_back(review):
    rows = [one.row for one in review.rows[:4]]
    other = next(name for name in review.labels if name != review.rows[0].label)
    review.relabel(rows[0], other)
    review.delete(rows[1:3])
    review.mark_ambiguous(rows[3])
    again = Review("r", review.split, review.labels, review.rows, review.place)
    assert again.corrections == review.corrections
    assert {row: one.action for row, one in again.own.items()} == {
        rows[0]: "relabel", rows[1]: "delete", rows[2]: "delete", rows[3]: "ambiguous",
    }  # fmt: skip
    assert "1 relabelled, 1 ambiguous, 2 deleted" in review.words
    assert sum(map(sum, review.confusion.counts)) == len(review.rows) - 3
    for left in (3, 1, 0):
        assert review.undo()
        assert len(review.corrections) == left
    assert not review.undo()
    assert again.place.read_text().strip() == ""


def test_a_row_has_one_correction_and_its_own_label_is_none(review):
    one = review.rows[0]
    review.delete(one.row)
    review.mark_ambiguous(one.row)
    assert [made.action for made in review.corrections] == ["ambiguous"]
    review.relabel(one.row, one.label)
    assert review.corrections == ()
    review.delete(one.row)
    review.restore([one.row])
    assert review.corrections == ()


def test_without_its_model_a_review_says_so(review):
    with pytest.raises(RunError, match="is not at hand"):
        review.explain(review.rows[0].row)


def test_two_reviews_of_a_run_keep_what_the_other_has_written(review):
    other = Review("r", "train", review.labels, review.rows, review.place, "data: topics")
    row = review.rows[0].row
    review.delete(row)
    other.delete(row)
    review.mark_ambiguous(review.rows[1].row)
    assert [(one.split, one.action) for one in read_corrections(review.place)] == [
        ("test", "delete"), ("train", "delete"), ("test", "ambiguous"),
    ]  # fmt: skip
    assert other.undo()
    assert {one.split for one in read_corrections(review.place)} == {"test"}
    assert review.undo()
    assert [one.row for one in read_corrections(review.place)] == [row]


def test_corrections_that_a_run_was_trained_with_are_handed_on(review):
    seen = review.rows[0]
    earlier = [
        Correction("train", 9001, "a text", "food", "delete"),
        Correction(review.split, seen.row, seen.text, "was", "relabel", seen.label),
    ]
    found = Review("r", review.split, review.labels, review.rows, review.place, earlier=earlier)
    found.delete(review.rows[1].row)
    assert "; 1 deleted" in found.words, "its own are counted"
    assert [one.row for one in read_corrections(found.place)] == [
        9001, seen.row, review.rows[1].row,
    ]  # fmt: skip
    again = Review("r", review.split, review.labels, review.rows, review.place, earlier=earlier)
    assert again.corrections == found.corrections
    again.delete(seen.row)
    written = read_corrections(found.place)
    assert [one.action for one in written if one.row == seen.row] == ["delete"]
    again.restore(seen.row)
    assert earlier[1] in read_corrections(found.place)


def test_without_a_label_rows_get_what_is_predicted(review):
    review.relabel([one.row for one in review.rows])
    wrong = [one for one in review.rows if one.is_wrong]
    assert [made.new_label for made in review.corrections] == [one.prediction for one in wrong]
    assert review.select(wrong=True).empty


def test_mistakes_are_refused(review, trained):
    with pytest.raises(DataError, match="there is no label 'fod'"):
        review.relabel(review.rows[0].row, "fod")
    with pytest.raises(DataError, match="row 9999 is none of the test rows"):
        review.delete(9999)
    with pytest.raises(RunError, match="has no 'tset' rows"):
        nbtune.review(trained, split="tset", display="none")


def test_its_faces_need_no_kernel_and_escape_what_rows_say(review):
    hostile = [
        type(one)(**{**vars(one), "text": f"<script>{one.row}</script>", "label": "<b>"})
        for one in review.rows[:3]
    ]
    found = Review("r", "test", (*review.labels, "<b>"), hostile, review.place)
    faces = found._repr_mimebundle_()
    assert set(faces) == {"text/plain", "text/html"}, "no widget where nobody can click"
    assert "<script>" not in faces["text/html"]
    assert "&lt;script&gt;" in faces["text/html"]
    assert max(map(len, faces["text/plain"].splitlines())) <= 80


def test_a_run_goes_on_from_the_weights_on_corrected_rows(tmp_path):
    own = {"model": str(tiny_model_folder(tmp_path / "model")), "num_train_epochs": 3,
           "learning_rate": 3e-3, "baseline": False, "runs_dir": tmp_path / "runs",
           "display": "none"}  # fmt: skip
    rows = topic_rows(150)
    first = nbtune.finetune(rows, "first", **own)
    found = nbtune.review(first, split="train", display="none")
    train = read_rows(first.folder, "train")
    changed = [int(train["row"].iloc[0]), int(train["row"].iloc[1])]
    found.relabel(changed[0], next(name for name in first.labels if name != train["label"].iloc[0]))
    found.delete(changed[1])
    assert "model: first@1" in found.cell
    file = found.save(tmp_path / "made.csv")
    more = {**own, "model": "first@1", "corrections": str(file), "num_train_epochs": 1}
    second = nbtune.finetune(rows, "second", **more)
    again = read_rows(second.folder, "train").set_index("row")
    assert again.loc[changed[0], "label"] == found.own[changed[0]].new_label
    assert changed[1] not in again.index
    assert set(again.index) == set(train["row"]) - {changed[1]}
    assert read_rows(second.folder, "test").equals(read_rows(first.folder, "test"))
    told = [event.text for _, event in second.events if hasattr(event, "text")]
    assert "corrections: 1 relabelled, 1 deleted" in told
    assert not any("scores are too good" in text for text in told)
    assert second.view().evaluations[0].loss < first.view().evaluations[0].loss
    once_more = nbtune.review(second, split="train", display="none")
    once_more.delete(once_more.rows[-1].row)
    assert set(found.corrections) < set(read_corrections(once_more.place))
    kept = nbtune.finetune(rows, "third", **{**more, "seed": 7})
    told = [event.text for _, event in kept.events if hasattr(event, "text")]
    assert any("was trained on" in text and "scores are too good" in text for text in told)
    with pytest.raises(RecipeError, match="is also what this run is called") as refused:
        nbtune.finetune(rows, "first", **{**more, "model": "first"})
    assert "model: first@1" in str(refused.value)
    lora = nbtune.finetune(rows, "adapter", **{**own, "method": "lora", "max_steps": 1})
    with pytest.raises(RunError, match="has an adapter") as refused:
        nbtune.finetune(rows, "fourth", **{**more, "model": lora.name})
    assert "merged=True" in str(refused.value)
    file.unlink()
    assert nbtune.review(second, display="none").note == "", "the run keeps them"
    (second.folder.path / "data" / "corrections.jsonl").unlink()
    gone = nbtune.review(second, display="none").note
    assert f"corrections from {file}, and that file is gone" in gone
    assert "put the file back" in gone


def test_rows_with_several_labels_are_corrected_and_trained_on(tmp_path):
    rows = topic_rows(90)
    rows["label"] = [[name, "long"] if len(t) > 40 else [name] for t, name in rows.to_numpy()]
    own = {"model": str(tiny_model_folder(tmp_path / "model")), "max_steps": 2,
           "baseline": False, "runs_dir": tmp_path / "runs", "display": "none"}  # fmt: skip
    first = nbtune.finetune(rows, "first", **own)
    found = nbtune.review(first, split="train", display="none")
    assert found.relabels == "several"
    one, two, three = (row.row for row in found.rows[:3])
    found.relabel(one, ["long", "food"])
    found.relabel(two, [])
    found.delete(three)
    with pytest.raises(DataError, match="there is no label 'lon'"):
        found.relabel(one, ["lon"])
    best = found.curve("long")[0]
    above = found.select(above=("long", best.threshold))
    assert len(above) == best.rows == len(found.above("long", best.threshold))
    second = nbtune.finetune(rows, "second", **{**own, "corrections": str(found.place)})
    again = read_rows(second.folder, "train").set_index("row")
    assert list(again.loc[one, "label"]) == ["food", "long"]
    assert list(again.loc[two, "label"]) == []
    assert three not in again.index
    broken = tmp_path / "broken.jsonl"
    broken.write_text(found.place.read_text().replace('"[]"', '"none"').replace("'[]'", "none"))
    with pytest.raises(DataError, match=r"row \d+, 'none' is no list of labels"):
        nbtune.finetune(rows, "third", **{**own, "corrections": str(broken)})


def test_training_rows_are_sorted_by_how_they_were_learnt(tmp_path):
    run = nbtune.finetune(
        topic_rows(60), "watched", model=str(tiny_model_folder(tmp_path / "model")),
        num_train_epochs=1, runs_dir=tmp_path / "runs", display="none", baseline=False,
    )  # fmt: skip
    learnt = nbtune.review(run, split="train", display="none").select(sort="learnt last")["learnt"]
    assert learnt.is_monotonic_increasing
    assert learnt.between(-1, 1).all()
    with pytest.raises(DataError, match="there is no 'learnt last'"):
        nbtune.review(run, split="test", display="none").select(sort="learnt last")


def test_without_validation_rows_labels_are_in_doubt_by_how_they_were_learnt(tmp_path):
    run = nbtune.finetune(
        topic_rows(60), "all", model=str(tiny_model_folder(tmp_path / "model")),
        num_train_epochs=1, runs_dir=tmp_path / "runs", display="none", baseline=False,
        validation_size=0, test_size=0,
    )  # fmt: skip
    found = nbtune.review(run, display="none")
    assert "No validation rows picked these weights" in found.note
    assert "in the mean over all epochs" in found._repr_mimebundle_()["text/html"]
    rows = found.select()
    assert (rows["margin"] == rows["learnt"]).all()
    assert (rows["is_suspect"] == (rows["learnt"] < 0)).all()
    assert rows["learnt"].is_monotonic_increasing, "suspects first, the surest of them first"
    shutil.rmtree(run.folder.path / "margins")
    assert "was not kept" in nbtune.review(run, display="none").note
