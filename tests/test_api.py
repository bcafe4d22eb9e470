import sys

import numpy as np
import pandas as pd
import pytest
import transformers
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay

import nbtune
from nbtune.errors import DataError, RecipeError, RunError
from nbtune.events import EvaluationProgress, Notice, PhaseStarted
from nbtune.results.telling import Teller
from nbtune.runs import RunStore
from nbtune.testing import tiny_model_folder, topic_rows


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return str(tiny_model_folder(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def train(tmp_path, tiny):
    """Call finetune with a tiny model and a folder of its own."""

    def call(data=None, name="run", **settings):
        usual = {"model": tiny, "epochs": 1, "baseline": False, "display": "none"}
        rows = topic_rows(60) if data is None else data
        return nbtune.finetune(rows, name, runs_dir=tmp_path / "runs", **usual | settings)

    return call


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny):
    folder = tmp_path_factory.mktemp("binary")
    rows = topic_rows(80, labels=2)
    return nbtune.finetune(
        rows, "two", model=tiny, epochs=6, lr=3e-3, display="none", runs_dir=folder
    )


@pytest.mark.parametrize("form", ["frame", "dicts", "pair", "csv", "dataset"])
def test_rows_of_every_form_train_the_same_model(train, tmp_path, form):
    from datasets import Dataset

    frame = topic_rows(60)
    forms = {
        "frame": frame,
        "dicts": frame.to_dict("records"),
        "pair": (list(frame["text"]), np.array(frame["label"])),
        "csv": tmp_path / "rows.csv",
        "dataset": Dataset.from_pandas(frame),
    }
    frame.to_csv(tmp_path / "rows.csv", index=False)
    found = train(forms[form]).predict_proba(["a furry mammal"])
    expected = train(frame, "again").predict_proba(["a furry mammal"])
    np.testing.assert_array_equal(found, expected)


def test_an_optimiser_of_a_missing_package_is_refused_before_anything_is_read(train, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(RecipeError, match="adamw_bnb_8bit needs the package bitsandbytes"):
        train("no such file.csv", optim="adamw_8bit")


def test_a_rate_that_would_end_above_its_start_is_refused_before_anything_is_read(train):
    with pytest.raises(RecipeError, match="is not below the learning rate"):
        train(
            "no such file.csv",
            lr_scheduler_type="polynomial",
            lr_scheduler_kwargs={"lr_end": 0.1},
        )


@pytest.mark.parametrize(
    ("weights", "problem", "hint"),
    [
        ({"animl": 2}, "no training row has the label 'animl'", "did you mean 'animal'?"),
        ([1, 2], "2 weights for 3 labels", "one for each of animal, food, place"),
    ],
)
def test_weights_of_labels_that_are_not_there_are_refused(train, weights, problem, hint):
    with pytest.raises(DataError, match=problem) as caught:
        train(class_weight=weights)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("optim", "rate"), [("adamw_torch", 5e-5), ("sgd", 5e-3), ("lion", 1.5e-5)]
)
def test_every_optimiser_has_its_usual_rate(train, optim, rate):
    recipe = train(optim=optim, max_steps=1).recipe.settings
    assert recipe.learning_rate == pytest.approx(rate)


def test_a_and_b_of_lora_plus_have_the_usual_rate_in_the_mean(train):
    alike, apart = (
        train(method="lora", max_steps=1, loraplus_lr_ratio=ratio).recipe.settings.learning_rate
        for ratio in (1, 16)
    )
    assert apart * (16 * apart) == pytest.approx(alike**2)


def test_weights_by_label_are_trained_with(train):
    assert len(set(train(class_weight={"food": 50.0}, epochs=3, lr=3e-3).predict(["x", "y"]))) == 1


def test_text_file_keywords_and_pairs_give_the_same_recipe(train, tmp_path, tiny):
    text = f"model: {tiny}\nepochs: 1\nbaseline: false\nlr: 0.01\n"
    (tmp_path / "r.yaml").write_text(text)
    ways = [
        train(name="a", lr=0.01),
        train(name="b", recipe=text),
        train(name="c", recipe=tmp_path / "r.yaml"),
        train(name="d", recipe=nbtune.Recipe(learning_rate=0.01)),
        train(name="e", set=["learning_rate=0.01"]),
    ]
    assert len({way.folder.about["identity"] for way in ways}) == 1


def test_the_printed_recipe_trains_the_same_again(train):
    first = train(name="first", lr=0.01, seed=3)
    again = train(name="again", recipe=str(first.recipe))
    np.testing.assert_array_equal(
        first.predict_proba(["a sweet cake"]), again.predict_proba(["a sweet cake"])
    )


def test_scikit_learn_takes_a_run_for_a_classifier(run):
    rows = topic_rows(20, labels=2, seed=4)
    display = RocCurveDisplay.from_estimator(run, rows["text"], rows["label"])
    assert display.roc_auc > 0.9
    matrix = ConfusionMatrixDisplay.from_estimator(run, rows["text"], rows["label"])
    assert matrix.confusion_matrix.sum() == 20
    assert run.score(rows["text"], rows["label"]) == np.mean(
        run.predict(rows["text"]) == rows["label"]
    )


def test_what_is_saved_is_read_by_transformers(run, tmp_path):
    place = run.save(tmp_path / "model")
    pipe = transformers.pipeline("text-classification", model=str(place), device="cpu")
    answer = pipe("small furry mammal")[0]
    found = run.predict_proba(["small furry mammal"])[0]
    assert answer["label"] == run.labels[found.argmax()]
    assert answer["score"] == pytest.approx(found.max(), abs=1e-5)
    with pytest.raises(RunError, match="is there already"):
        run.save(tmp_path / "model")


def test_history_and_metrics_are_those_of_the_kept_weights(run):
    history = run.history
    assert {"step", "loss", "learning_rate", "validation_loss"} <= set(history.columns)
    best = history["validation_f1_macro"].max()
    assert run.metrics["f1_macro"] == best


def test_predict_takes_frames_and_files_and_names_what_is_no_text(run, tmp_path):
    frame = pd.DataFrame({"words": ["a sweet cake", "a furry mammal"], "n": [1, 2]})
    frame.to_csv(tmp_path / "new.csv", index=False)
    from_frame = nbtune.predict(run, frame, text="words")
    from_file = nbtune.predict(run, tmp_path / "new.csv", text="words")
    pd.testing.assert_frame_equal(from_frame, from_file)
    assert list(from_frame.columns) == ["text", "label", "probability", "p(animal)", "p(food)"]
    assert len(nbtune.predict(run, [])) == 0
    with pytest.raises(DataError, match="text 1 is None"):
        nbtune.predict(run, ["a", None])


def test_evaluations_are_kept_with_the_run(run):
    judged = nbtune.evaluate(run, display="none")
    assert (run.folder.path / "evaluations" / "test.json").is_file()
    assert "text" not in pd.read_parquet(run.folder.path / "evaluations" / "test.parquet")
    assert judged.metrics["accuracy"] == np.mean(
        judged.frame["label"] == judged.frame["prediction"]
    )
    with pytest.raises(RunError, match="no 'tests' rows"):
        nbtune.evaluate(run, split="tests", display="none")


def test_runs_that_cannot_be_written_are_refused(train, tmp_path):
    (tmp_path / "runs").write_text("a file, not a folder")
    with pytest.raises(RunError, match="cannot write runs"):
        train()


def test_mistakes_are_found_before_anything_is_written(train, tmp_path):
    with pytest.raises(RecipeError, match="unknown setting 'lerning_rate'"):
        train(lerning_rate=1)
    with pytest.raises(RunError, match="is not a name for a run"):
        train(name="../outside")
    with pytest.raises(DataError, match="no rows to learn from"):
        nbtune.finetune(display="none")
    assert not (tmp_path / "runs").exists()


def test_a_display_that_is_none_is_silent(train, capfd):
    train()
    assert capfd.readouterr() == ("", "")


def test_lines_tell_a_terminal_how_it_goes(train, capfd):
    train(display="text", baseline=True)
    told = capfd.readouterr().err
    for words in ("loading model", "majority: f1_macro", "epoch 1: validation loss", "finished"):
        assert words in told


def test_a_view_that_fails_is_switched_off_and_the_run_goes_on(tmp_path):
    def broken(event):
        raise RuntimeError("no colours left")

    teller, folder = Teller(broken), RunStore(tmp_path).create("run")
    teller(PhaseStarted("reading data"))
    teller.attach(folder)
    teller(EvaluationProgress("validation", 1, 2))
    teller(PhaseStarted("training"))
    kept = [event for _, event in folder.history()]
    assert kept[-1] == PhaseStarted("training")
    notices = [event for event in kept if isinstance(event, Notice)]
    assert "no colours left" in notices[0].text
    assert not any(isinstance(event, EvaluationProgress) for event in kept)


def test_public_names_are_all_there():
    for name in nbtune.__all__:
        assert getattr(nbtune, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fintune'"):
        nbtune.fintune  # noqa: B018


def test_doctor_says_where_it_cannot_write(tmp_path, monkeypatch):
    def look():
        return {f.what: f for f in nbtune.doctor(runs_dir=tmp_path / "runs").findings}["runs"]

    assert (look().found, look().advice) == (str(tmp_path / "runs"), "")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert look().advice == "cannot write there: set NBTUNE_RUNS"


def test_a_run_that_ends_before_the_turn_of_a_layer_says_so(train):
    kept = [event for _, event in train(gradual_unfreezing=1, epochs=2).events]
    told = [event.text for event in kept if isinstance(event, Notice)]
    assert any(text.startswith("gradual_unfreezing: the run ends before the turn") for text in told)
    again = [event for _, event in train(name="all", gradual_unfreezing=0.2, epochs=2).events]
    told = [event.text for event in again if isinstance(event, Notice)]
    assert not any("gradual_unfreezing" in text for text in told)
