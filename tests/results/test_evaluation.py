import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn import metrics as sk

import nbtune
from nbtune.errors import DataError, RunError
from nbtune.records import SCORES, EvaluationRecord
from nbtune.results.evaluation import Evaluation
from nbtune.testing import made_up_record, tiny_model_folder, topic_rows


def probabilities(judged):
    return judged.frame[[f"p({label})" for label in judged.record.labels]].to_numpy()


def test_the_metrics_are_those_of_scikit_learn_on_the_frame(judged):
    frame, given = judged.frame, judged.frame["prediction"]
    targets, found = frame["label"], probabilities(judged)
    assert judged.metrics == pytest.approx(
        {
            "accuracy": sk.accuracy_score(targets, given),
            "f1_macro": sk.f1_score(targets, given, average="macro"),
            "f1_micro": sk.f1_score(targets, given, average="micro"),
            "f1_weighted": sk.f1_score(targets, given, average="weighted"),
            "precision_macro": sk.precision_score(targets, given, average="macro"),
            "recall_macro": sk.recall_score(targets, given, average="macro"),
            "roc_auc": sk.roc_auc_score(targets, found, multi_class="ovr", average="macro"),
            "mcc": sk.matthews_corrcoef(targets, given),
            "log_loss": sk.log_loss(targets, found, labels=list(judged.record.labels)),
            "brier": sk.brier_score_loss(targets, found, labels=list(judged.record.labels)),
        },
        abs=1e-12,
    )
    assert tuple(judged.metrics) == SCORES


def test_the_frame_has_a_line_a_row_with_all_probabilities(judged, trained):
    assert len(judged.frame) == judged.record.rows == trained.folder.about["rows"]["test"]
    found = probabilities(judged)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)))
    labels = np.array(judged.record.labels)
    assert list(judged.frame["prediction"]) == list(labels[found.argmax(axis=1)])
    assert list(judged.frame["probability"]) == list(found.max(axis=1))
    assert list(judged.frame["prediction"]) == list(trained.predict(judged.frame["text"]))


def test_confusion_and_classes_are_frames_with_label_names(judged):
    frame = judged.frame
    theirs = pd.crosstab(frame["label"], frame["prediction"])
    confusion = judged.confusion
    for true, predicted in theirs.stack().index:
        assert confusion.loc[true, predicted] == theirs.loc[true, predicted]
    assert confusion.to_numpy().sum() == len(frame)
    assert (confusion.index.name, confusion.columns.name) == ("true", "predicted")
    assert list(judged.classes.index) == list(judged.record.labels)
    assert judged.classes["support"].to_dict() == frame["label"].value_counts().to_dict()


def test_baselines_are_judged_on_the_same_rows(judged):
    assert [one.name for one in judged.record.table] == [
        "majority",
        "TF-IDF + logistic regression",
        "topics@1",
    ]
    assert judged.scores.loc[("topics@1", "accuracy"), "value"] == judged.metrics["accuracy"]
    assert "TF-IDF" in judged.verdict


def test_curves_are_found_by_label(judged):
    assert set(judged.roc) == {"animal", "food", "place", "micro", "macro"}
    assert judged.roc["macro"].area == pytest.approx(judged.metrics["roc_auc"])
    assert set(judged.pr) == {"animal", "food", "place", "micro"}


def test_a_label_called_micro_has_its_own_curve():
    evaluation = Evaluation(made_up_record(("micro", "other", "third")))
    assert not evaluation.roc["micro"].average


def test_errors_are_the_most_confident_ones_with_and_without_the_frame():
    record = made_up_record(3)
    frame = pd.DataFrame(
        {
            "row": [5, 6, 7],
            "text": ["a", "b", "c"],
            "label": ["x", "x", "y"],
            "prediction": ["y", "x", "x"],
            "probability": [0.6, 0.99, 0.9],
        }
    )
    errors = Evaluation(record, frame).errors()
    assert list(errors["row"]) == [7, 5]
    assert len(Evaluation(record, frame).errors(1)) == 1
    read = Evaluation(record).errors(4)
    assert list(read.columns) == list(errors.columns)
    assert list(read["row"]) == [wrong.row for wrong in record.errors[:4]]
    assert list(Evaluation(record).errors(0).columns) == list(errors.columns)


def test_it_is_written_beside_the_run_for_other_kernels(judged, trained):
    place = trained.folder.path / "evaluations"
    read = EvaluationRecord.from_json((place / "test.json").read_text(encoding="utf-8"))
    assert repr(read) == repr(judged.record)
    frame = pd.read_parquet(place / "test.parquet")
    assert "text" not in frame.columns, "texts stay with the rows of the run"
    assert frame["row"].tolist() == judged.frame["row"].tolist()
    json.loads((place / "test.json").read_text(encoding="utf-8"))


def test_other_rows_are_judged_and_not_written(trained):
    before = sorted((trained.folder.path / "evaluations").iterdir())
    judged = nbtune.evaluate(trained, topic_rows(12, seed=9))
    assert (judged.record.split, judged.record.rows) == ("data", 12)
    assert sorted((trained.folder.path / "evaluations").iterdir()) == before


def test_labels_that_the_rows_lack_do_no_harm(trained):
    rows = topic_rows(12, seed=9)
    judged = nbtune.evaluate(trained, rows[rows["label"] == "food"])
    assert judged.confusion.loc["food"].sum() == 4
    assert np.isnan(judged.metrics["roc_auc"])
    assert judged.figure() is not None
    assert "nan" not in judged._repr_mimebundle_()["text/html"]


def test_a_split_is_chosen_by_name(trained):
    assert nbtune.evaluate(trained, split="validation").record.split == "validation"
    with pytest.raises(RunError, match="has no 'tset' rows") as refused:
        nbtune.evaluate(trained, split="tset")
    assert "test, validation, train" in refused.value.hint


def test_its_faces_are_text_and_tables_only(judged):
    faces = judged._repr_mimebundle_()
    assert set(faces) == {"text/plain", "text/markdown", "text/html"}
    assert max(map(len, faces["text/plain"].splitlines())) <= 80
    assert isinstance(judged.figure(), Figure)
    assert repr(judged).startswith("<Evaluation of topics@1 on test: f1_macro 0.")


def test_rows_that_are_left_out_are_told(trained):
    folder = trained.folder.path
    recipe = (folder / "recipe.yaml").read_text()
    rows = topic_rows(12, seed=9)
    rows.loc[[2, 5], "text"] = None
    with pytest.raises(DataError, match="2 of 12 rows cannot be used"):
        nbtune.evaluate(trained, rows)
    try:
        (folder / "recipe.yaml").write_text(f"{recipe}\ndrop_bad_rows: true\n")
        judged = nbtune.evaluate(trained, rows)
    finally:
        (folder / "recipe.yaml").write_text(recipe)
    assert judged.record.rows == 10
    told = "data: left out 2 of 12 rows: 2 with no text (rows 2, 5)"
    assert judged.record.left_out == told
    assert all(told in face.replace("\n", " ") for face in judged._repr_mimebundle_().values())


def test_a_column_of_the_data_that_a_run_kept_slices_its_rows(tmp_path):
    rows = topic_rows(150)
    rows["source"] = ["web", "mail", "mail"] * 50
    made = nbtune.finetune(
        rows, "sliced", model=str(tiny_model_folder(tmp_path / "model")), num_train_epochs=1,
        runs_dir=tmp_path / "runs", display="none", baseline=False,
    )  # fmt: skip
    judged = nbtune.evaluate(made, by="source", display="none")
    test = rows.loc[judged.frame["row"], "source"].reset_index(drop=True)
    right = judged.frame["label"] == judged.frame["prediction"]
    assert dict(zip(judged.by["value"], judged.by["right"], strict=True)) == pytest.approx(
        right.groupby(test).mean().to_dict()
    )
    of_others = nbtune.evaluate(made, rows, by="source", display="none")
    assert list(of_others.by["rows"]) == [100, 50]
    for face in (judged.text, judged._repr_mimebundle_()["text/html"]):
        assert "web" in face
    with pytest.raises(DataError, match="nothing is known of 'sorce' for the test rows") as caught:
        nbtune.evaluate(made, by="sorce", display="none")
    assert "did you mean 'source'?" in str(caught.value)
