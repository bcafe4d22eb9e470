"""Thresholds that are chosen for a run, kept with it, and taken back."""

import subprocess
import sys

import pandas as pd
import pytest

import nbtune
from nbtune.errors import RecipeError, RunError
from nbtune.testing import tiny_model_folder, topic_rows


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(tiny_model_folder(tmp_path_factory.mktemp("model") / "tiny"))


def train(rows, place, model, **settings):
    usual = {
        "num_train_epochs": 2, "learning_rate": 1e-3, "baseline": False, "test_size": 0.3,
        "validation_size": 0.3,
    }  # fmt: skip
    return nbtune.finetune(
        rows, "run", model=model, runs_dir=place, display="none",
        **usual | settings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def spam(tmp_path_factory, model):
    """A run of two labels that is not yet good at them."""
    rows = topic_rows(240)
    rows["label"] = ["spam" if label == "food" else "ham" for label in rows["label"]]
    return train(rows, tmp_path_factory.mktemp("runs"), model)


@pytest.fixture(autouse=True)
def as_it_was(request):
    yield
    if "spam" in request.fixturenames:
        nbtune.evaluate(request.getfixturevalue("spam"), threshold="default", display="none")


def test_a_threshold_is_kept_and_used_wherever_the_run_is_asked(spam):
    texts = list(topic_rows(40, seed=3)["text"])
    chances = spam.predict_proba(texts)[:, 1]
    at = float(sorted(chances)[-3])
    judged = nbtune.evaluate(spam, threshold=at, display="none")
    expected = ["spam" if chance >= at else "ham" for chance in chances]
    again = nbtune.Run(spam.folder)
    assert list(spam.predict(texts)) == list(again.predict(texts)) == expected
    assert list(nbtune.predict(again, texts)["label"]) == expected
    assert spam.thresholds == again.thresholds == pytest.approx({"ham": 1 - at, "spam": at})
    assert spam.score(texts, expected) == 1
    frame = judged.frame
    assert list(frame["prediction"]) == ["spam" if p >= at else "ham" for p in frame["p(spam)"]]
    assert judged.record.decided[0].at.threshold == at


def test_a_run_that_is_in_memory_hears_of_a_threshold_chosen_elsewhere(spam):
    before = spam.trained
    assert nbtune.evaluate(nbtune.Run(spam.folder), threshold=0.99, display="none")
    assert spam.trained.known.thresholds[1] == 0.99
    assert spam.trained.model is before.model


def test_another_process_and_a_saved_copy_know_it(spam, tmp_path):
    nbtune.evaluate(spam, threshold="0.125", display="none")
    code = (
        "import sys, nbtune; run = nbtune.load(sys.argv[1], runs_dir=sys.argv[2]); "
        "print(run.thresholds['spam'])"
    )
    place = [spam.name, str(spam.folder.path.parent)]
    told = subprocess.run([sys.executable, "-c", code, *place], capture_output=True, text=True)
    assert told.stdout.strip() == "0.125", told.stderr
    assert (
        '"thresholds": [0.875, 0.125]' in (spam.save(tmp_path / "copy") / "nbtune.json").read_text()
    )


def test_it_is_chosen_on_the_validation_rows_alone(spam):
    judged = nbtune.evaluate(spam, threshold="recall=0.9", display="none")
    validation = nbtune.evaluate(spam, split="validation", display="none")
    assert validation.record.decided[0].at.recall.value >= 0.9
    assert judged.record.decided[0].at.threshold == validation.record.decided[0].at.threshold
    assert judged.record.decided[0].rule == "recall=0.9"


def test_default_takes_it_back(spam):
    texts = list(topic_rows(40, seed=3)["text"])
    before, known = list(spam.predict(texts)), spam.trained.known
    nbtune.evaluate(spam, threshold=0.999, display="none")
    assert "spam" not in set(spam.predict(texts))
    judged = nbtune.evaluate(spam, threshold="default", display="none")
    assert list(spam.predict(texts)) == before
    assert spam.trained.known == known
    assert not spam.thresholds
    assert not judged.record.decided


def test_the_first_label_can_be_chosen_for(spam):
    judged = nbtune.evaluate(spam, split="validation", threshold="ham:recall=0.95", display="none")
    (point,) = judged.record.decided
    assert point.label == "ham"
    assert point.at.recall.value >= 0.95
    given = judged.frame["p(ham)"] >= spam.thresholds["ham"]
    assert list(judged.frame["prediction"] == "ham") == list(given)


def test_all_faces_say_what_was_decided(spam):
    faces = nbtune.evaluate(spam, threshold="cost=5:1", display="none")._repr_mimebundle_()
    for face in faces.values():
        assert "(cost=5:1" in face
        assert "default takes it back" in face.replace("\n", " ")
    assert max(map(len, faces["text/plain"].splitlines())) <= 80
    assert "false alarms" in faces["text/html"]


@pytest.mark.parametrize(
    ("threshold", "error", "said"),
    [
        ("precison=0.9", RecipeError, "precision=0.95"),
        ("spm:f1", RunError, "did you mean 'spam'"),
        (["spam:0.3", "ham:0.2"], RunError, "two labels share one threshold"),
    ],
)
def test_mistakes_are_said_before_the_model_is_loaded(spam, threshold, error, said, monkeypatch):
    monkeypatch.setattr("nbtune.results.run.load_trained", pytest.fail)
    with pytest.raises(error) as refused:
        nbtune.evaluate(nbtune.Run(spam.folder), threshold=threshold, display="none")
    assert said in str(refused.value)


def test_of_three_labels_no_threshold_decides(trained):
    with pytest.raises(RunError, match="of 3 labels the likeliest is given") as refused:
        nbtune.evaluate(trained, threshold=0.3, display="none")
    assert "two labels, or several a text" in str(refused.value)


def test_a_number_has_no_threshold(tmp_path, model):
    rows = topic_rows(60).assign(label=range(60))
    run = train(rows, tmp_path, model, problem_type="regression", learning_rate=1e-4)
    with pytest.raises(RunError, match="has learnt a number per text, which no threshold decides"):
        nbtune.evaluate(run, threshold=0.3, display="none")


def test_without_validation_rows_only_a_number_can_be_chosen(tmp_path, model):
    rows = topic_rows(90, labels=2)
    run = train(rows, tmp_path, model, validation_size=0, num_train_epochs=1)
    with pytest.raises(RunError, match="has no validation rows to choose on") as refused:
        nbtune.evaluate(run, threshold="f1", display="none")
    assert "--threshold 0.3" in str(refused.value)
    assert nbtune.evaluate(run, threshold=0.3, display="none").record.decided


def test_more_training_chooses_again_what_was_chosen(tmp_path, model):
    rows = topic_rows(240)
    rows["label"] = ["spam" if label == "food" else "ham" for label in rows["label"]]
    run = train(rows, tmp_path, model, num_train_epochs=1)
    nbtune.evaluate(run, threshold="spam:recall=0.8", display="none")
    more = nbtune.resume(run, num_train_epochs=2, display="none")
    assert more.trained.known.rules == ("", "recall=0.8")
    kept = more.thresholds
    nbtune.evaluate(more, threshold="spam:recall=0.8", display="none")
    assert kept == more.thresholds
    told = [event.text for _, event in more.events if hasattr(event, "text")]
    assert "threshold of spam:recall=0.8: chosen again on the validation rows" in told


def test_each_of_several_labels_has_a_threshold_of_its_own(tmp_path, model):
    one, two = topic_rows(240), topic_rows(240, seed=2)
    rows = pd.DataFrame(
        {
            "text": one["text"] + " " + two["text"],
            "label": [sorted({*pair}) for pair in zip(one["label"], two["label"], strict=True)],
        }
    )
    run = train(rows, tmp_path, model)
    default = run.thresholds
    judged = nbtune.evaluate(
        run, split="validation", threshold=["recall=0.95", "food:0.99"], display="none"
    )
    by_label = {point.label: point for point in judged.record.decided}
    assert {label: point.rule for label, point in by_label.items()} == {
        "animal": "recall=0.95", "food": "0.99", "place": "recall=0.95",
    }  # fmt: skip
    assert by_label["animal"].at.recall.value >= 0.95
    assert nbtune.Run(run.folder).thresholds["food"] == 0.99
    nbtune.evaluate(run, threshold="food:default", display="none")
    assert run.thresholds["food"] == default["food"]
    assert run.thresholds["animal"] != default["animal"]
    nbtune.evaluate(run, threshold="default", display="none")
    assert run.thresholds == default
    with pytest.raises(RunError, match="did you mean 'food'"):
        nbtune.evaluate(run, threshold=["f1", "fod:f1"], display="none")
    assert run.thresholds == default


def test_a_run_is_not_busy_while_its_rows_are_predicted(spam, monkeypatch):
    """It would be shown as running, and could not be trained further."""
    seen, ask = [], nbtune.Run.ask

    def watched(run, *rest):
        seen.append(nbtune.Run(run.folder).status)
        return ask(run, *rest)

    monkeypatch.setattr(nbtune.Run, "ask", watched)
    nbtune.evaluate(spam, threshold="recall=0.5", display="none")
    assert {*seen} == {"finished"}
