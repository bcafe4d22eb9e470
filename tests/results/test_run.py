import math
from dataclasses import replace

import numpy as np
import pytest
import transformers
from sklearn.base import is_classifier
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay, accuracy_score, get_scorer

import nbtune
from nbtune.errors import DataError, RunError
from nbtune.events import RunStopped
from nbtune.runs import RunStore
from nbtune.testing import made_up_events, tiny_model_folder, topic_rows

NEW = topic_rows(30, seed=5)
TEXTS = list(NEW["text"])


def test_a_run_read_from_disk_predicts_what_the_trained_one_does(trained, run):
    np.testing.assert_allclose(run.predict_proba(TEXTS), trained.predict_proba(TEXTS), atol=1e-6)


def test_it_predicts_as_classifiers_of_scikit_learn_do(run):
    found = run.predict_proba(TEXTS)
    assert found.shape == (30, 3)
    assert found.sum(axis=1) == pytest.approx(np.ones(30))
    assert list(run.classes_) == ["animal", "food", "place"]
    assert (run.predict(TEXTS) == run.classes_[found.argmax(axis=1)]).all()
    assert run.score(TEXTS, NEW["label"]) == accuracy_score(NEW["label"], run.predict(TEXTS))
    assert run.score(TEXTS, NEW["label"]) > 0.6, "it has learnt something"


def test_scikit_learn_takes_it_for_a_classifier(run):
    assert is_classifier(run)
    assert get_scorer("f1_macro")(run, TEXTS, NEW["label"]) > 0.5
    shown = ConfusionMatrixDisplay.from_estimator(run, TEXTS, NEW["label"])
    assert shown.confusion_matrix.sum() == 30


def test_scikit_learn_draws_the_roc_of_two_labels(tmp_path, trained):
    rows = topic_rows(40, labels=2)
    two = nbtune.finetune(
        rows, "two", model=trained.recipe.settings.model, runs_dir=tmp_path, display="none",
        max_steps=2,
    )  # fmt: skip
    shown = RocCurveDisplay.from_estimator(two, list(rows["text"]), list(rows["label"]))
    assert 0 <= shown.roc_auc <= 1


def test_rows_keep_their_order_whatever_their_length(run):
    texts = [" ".join(TEXTS[:n]) for n in (9, 1, 5, 2)]
    alone = np.concatenate([run.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(run.predict_proba(texts), alone, atol=1e-5)


def test_no_texts_have_no_labels(run):
    assert run.predict([]).shape == (0,)
    assert run.predict_proba([]).shape == (0, 3)


def test_one_text_is_one_row(run):
    assert run.predict_proba("a small furry mammal").shape == (1, 3)


@pytest.mark.parametrize("bad", [None, 3, math.nan, b"bytes", ["a", "b"]])
def test_what_is_not_a_text_is_named(run, bad):
    with pytest.raises(DataError, match=r"text 1 is .*, not a text \(1 such rows\)"):
        run.predict(["fine", bad])


@pytest.mark.parametrize(("texts", "labels"), [(["a", "b"], ["animal"]), ([], [])])
def test_a_score_needs_a_label_for_each_text(run, texts, labels):
    with pytest.raises(DataError, match=rf"{len(texts)} texts and {len(labels)} labels"):
        run.score(texts, labels)


def test_model_and_tokenizer_are_plain_transformers_objects(run):
    assert isinstance(run.model, transformers.PreTrainedModel)
    assert not run.model.training
    assert run.model.config.id2label == {0: "animal", 1: "food", 2: "place"}
    assert isinstance(run.tokenizer, transformers.PreTrainedTokenizerBase)


def test_history_has_a_row_for_each_report_and_evaluation(run):
    history = run.history
    looks = history[history["validation_loss"].notna()]
    assert len(looks) == 3
    assert history["step"].is_monotonic_increasing
    assert history["loss"].iloc[0] > 0
    best = looks.loc[looks["validation_f1_macro"].idxmax()]
    assert run.metrics["f1_macro"] == best["validation_f1_macro"]


def test_the_recipe_is_text_that_trains_the_same_again(run):
    settings = run.recipe.settings
    assert settings.num_train_epochs == 3
    assert nbtune.Recipe.model_validate(settings.model_dump()) == settings
    assert str(run.recipe) == repr(run.recipe)
    assert "learning_rate: 0.003" in run.recipe
    assert "num_train_epochs: 3" in run.recipe.to_yaml(defaults=True)


def test_saved_models_load_in_transformers(run, tmp_path):
    place = run.save(tmp_path / "model")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(place)
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)
    assert [found["label"] for found in pipe(TEXTS[:5])] == list(run.predict(TEXTS[:5]))
    with pytest.raises(RunError, match="is there already"):
        run.save(tmp_path / "model")


def test_a_run_cannot_be_fitted_again(run):
    with pytest.raises(RunError, match="cannot be fitted again"):
        run.fit(TEXTS, NEW["label"])


def test_its_faces_are_text_and_tables_only(run):
    faces = run._repr_mimebundle_()
    assert set(faces) == {"text/plain", "text/markdown", "text/html"}
    assert faces["text/plain"].startswith("topics@1: finished")
    assert 'data-status="finished"' in faces["text/html"]
    assert "TF-IDF + logistic regression" in faces["text/markdown"]
    assert repr(run) == f"<Run topics@1: finished, {run.folder.path}>"


@pytest.fixture
def cut(tmp_path):
    """A run whose history just ends, as that of a killed kernel does."""
    folder = RunStore(tmp_path).create("cut")
    folder.describe({"labels": ["a", "b"], "model": "minilm"}, "seed: 1\n")
    for event in made_up_events()[:-9]:
        folder.append(event)
    return nbtune.Run(folder)


def test_a_run_whose_kernel_was_killed_says_so_and_how_to_go_on(cut):
    faces = cut._repr_mimebundle_()
    assert cut.status == "interrupted"
    assert 'data-status="interrupted"' in faces["text/html"]
    assert "interrupted: its process ended" in faces["text/plain"]
    assert "Go on: %resume cut@1" in faces["text/plain"]
    assert "time:" not in faces["text/plain"], "nobody measured it"


def test_a_run_that_another_kernel_trains_is_shown_as_running(cut):
    with cut.folder.hold():
        faces = cut._repr_mimebundle_()
    assert 'data-status="running"' in faces["text/html"]
    assert "%resume" not in faces["text/plain"]


def test_metrics_are_those_of_the_weights_that_are_kept(cut):
    looks = [event for _, event in cut.events if hasattr(event, "best")]
    worse = type(looks[0])(999, 9.0, "validation", 1.0, {"f1_macro": 0.1}, 1.0)
    cut.folder.append(worse)
    cut.folder.append(RunStopped(999, "finished", looks[-1].step, "", 1.0))
    assert cut.metrics == looks[-1].scores


def test_a_run_without_a_model_says_why(cut):
    with pytest.raises(RunError, match="no model yet: it is interrupted"):
        cut.predict(["a"])


def test_a_run_from_before_there_were_tables_of_parameters_says_so(trained, tmp_path):
    copy = RunStore(tmp_path).create("old")
    copy.describe(trained.folder.about, trained.folder.recipe_text)
    with pytest.raises(RunError, match="old@1 has no table of what it trains"):
        nbtune.Run(copy).parameters  # noqa: B018


def test_the_temperature_that_validation_asks_for_is_kept_and_used(tmp_path):
    rows = topic_rows(150)
    run = nbtune.finetune(
        rows,
        "sure",
        model=str(tiny_model_folder(tmp_path / "model")),
        num_train_epochs=6,
        learning_rate=3e-3,
        validation_size=0.4,
        runs_dir=tmp_path / "runs",
        display="none",
        baseline=False,
    )
    heat = run.trained.known.temperature
    assert heat != 1
    again = nbtune.Run(run.folder)
    assert again.trained.known.temperature == heat
    texts = list(rows["text"][:5])
    cooled = again.predict_proba(texts)
    np.testing.assert_allclose(cooled, run.predict_proba(texts), atol=1e-6)
    again._trained = replace(again.trained, known=replace(again.trained.known, temperature=1.0))
    raw = again.predict_proba(texts)
    np.testing.assert_array_equal(raw.argmax(axis=1), cooled.argmax(axis=1))
    assert ((cooled.max(axis=1) < raw.max(axis=1)) == (heat > 1)).all()
    assert nbtune.evaluate(run, split="validation").record.calibration.temperature == heat


def test_the_loss_is_drawn_and_saved_for_print(run, tmp_path):
    assert len(run.figure().axes) == 1
    written = run.save_figures(tmp_path, "svg")
    assert [path.name for path in written] == ["loss.svg"]
    assert "validation" in written[0].read_text("utf-8")
