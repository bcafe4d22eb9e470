"""Plain arrays are judged as a run is."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn import metrics as sk

import nbtune
from nbtune.errors import DataError

RNG = np.random.default_rng(0)
NAMES = ["animal", "food", "place"]


def made(rows=80, labels=3):
    true = RNG.integers(labels, size=rows)
    chances = RNG.dirichlet(np.ones(labels), rows)
    chances[np.arange(rows), true] += 0.4
    return true, chances / chances.sum(axis=1, keepdims=True)


def test_probabilities_of_named_labels_are_judged():
    true, chances = made()
    named = [NAMES[k] for k in true]
    texts = [f"<b>text</b> of {k}" for k in true]
    found = nbtune.Evaluation.from_predictions(
        named, chances, texts=texts, name="ours", baselines={"even": np.full((80, 3), 1 / 3)}
    )
    f1 = sk.f1_score(true, chances.argmax(axis=1), average="macro")
    assert found.table.loc["f1_macro", "ours"] == pytest.approx(f1)
    assert list(found.table.columns) == ["even", "ours"]
    assert list(found.confusion.index) == NAMES
    assert isinstance(found.figure(), Figure)
    faces = found._repr_mimebundle_()
    assert "judged on 80 given rows" in faces["text/html"]
    assert "<b>text" not in faces["text/html"]
    assert len(found.errors(3)) == 3


def test_numbers_of_labels_and_scores_are_taken(tmp_path):
    true, chances = made()
    by_number = nbtune.Evaluation.from_predictions(true, np.log(chances), labels=NAMES)
    by_name = nbtune.Evaluation.from_predictions([NAMES[k] for k in true], chances)
    assert by_number.metrics == pytest.approx(by_name.metrics)
    assert "softmax" in by_number.text
    absent = nbtune.Evaluation.from_predictions(np.zeros(80, int), chances)
    assert absent.record.labels == ("0", "1", "2"), "a label that no row has"
    written = by_name.save_figures(tmp_path, "svg")
    assert "confusion.svg" in [path.name for path in written]


def test_one_column_is_that_of_the_second_label():
    true, chances = made(labels=2)
    found = nbtune.Evaluation.from_predictions(true, chances[:, 1])
    assert found.metrics["roc_auc"] == pytest.approx(sk.roc_auc_score(true, chances[:, 1]))
    booleans = nbtune.Evaluation.from_predictions(true == 1, 8 * chances[:, 1] - 4)
    assert booleans.metrics["roc_auc"] == pytest.approx(found.metrics["roc_auc"])
    assert booleans.record.labels == ("False", "True")


def test_several_labels_and_numbers_are_taken():
    has = RNG.random((60, 3)) > 0.6
    found = nbtune.Evaluation.from_predictions(
        has, np.clip(has + RNG.normal(0, 0.4, (60, 3)), 0, 1)
    )
    assert found.record.decides == "f1_micro"
    numbers = RNG.normal(size=50)
    found = nbtune.Evaluation.from_predictions(numbers, numbers + 0.1)
    assert found.metrics["mae"] == pytest.approx(0.1)
    assert isinstance(found.figure(), Figure)


def test_all_that_does_not_fit_is_named_at_once():
    judge = nbtune.Evaluation.from_predictions
    with pytest.raises(DataError) as told:
        judge(["a", None, "b"], [[0.5, np.nan], [1, 0]], texts=["x"], baselines={"no": [0.1]})
    for part in (
        "1 rows have no label",
        "y_said: 2 rows beside 3",
        "texts: 1 of them",
        "baselines['no']",
    ):
        assert part in str(told.value)
    with pytest.raises(DataError, match="no column is called 'c'"):
        judge(["a", "c"], [0.1, 0.2], labels=["a", "b"])
    with pytest.raises(DataError, match="1 names for 2 columns"):
        judge(["a", "a"], [0.1, 0.2])
    with pytest.raises(DataError, match="these are no numbers"):
        judge(["a", "b"], ["a", "b"])


def test_arrays_are_judged_without_torch():
    code = (
        "import sys, nbtune; nbtune.Evaluation.from_predictions([0, 1, 1], [.1, .9, .4]).figure();"
        "sys.exit('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_baseline_may_be_called_like_the_model():
    has = np.array([[1, 0], [0, 1], [1, 1]])
    others = {"predictions": 1.0 - has}
    record = nbtune.Evaluation.from_predictions(has, has.astype(float), baselines=others).record
    assert record.scores["f1_micro"].value == 1
    assert record.table[-2].scores["f1_micro"].value == 0


@pytest.mark.parametrize(
    ("true", "said"),
    [
        (["food"], [[0.2, 0.5, 0.3]]),
        (["food"], [[1 / 3, 1 / 3, 1 / 3]]),
        ([[1, 0, 1]], [[0.9, 0.1, 0.4]]),
        ([1.5], [2.25]),
    ],
)
def test_one_row_alone_is_judged_and_drawn(true, said):
    labels = None if true == [1.5] else NAMES
    found = nbtune.Evaluation.from_predictions(true, said, labels=labels)
    assert found.record.rows == 1
    known = found.scores["low"].dropna()
    assert known.empty, "one row tells nothing of how far a score could be off"
    assert isinstance(found.figure(), Figure)
    assert set(found._repr_mimebundle_()) == {"text/plain", "text/markdown", "text/html"}
