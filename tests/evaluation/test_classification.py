import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from nbtune.evaluation.classification import LONGEST_TEXT, judge
from nbtune.evaluation.metrics import score
from nbtune.testing import guesses

predicted = st.builds(
    guesses, st.integers(2, 25), st.integers(2, 4), st.integers(0, 10_000), st.floats(0, 0.8)
)


def names(probabilities):
    return tuple("abcd"[: probabilities.shape[1]])


def right(rows, labels=2):
    """Targets in turn, and probabilities that are right and sure."""
    targets = np.arange(rows) % labels
    return targets, np.eye(labels)[targets] * 0.8 + 0.2 / labels


@given(predicted)
def test_every_row_is_counted_once(pair):
    targets, probabilities = pair
    counts = np.array(judge("r", "test", names(probabilities), *pair).confusion.counts)
    assert counts.sum() == len(targets)
    assert list(counts.sum(axis=1)) == list(np.bincount(targets, minlength=len(counts)))
    wrong = int((probabilities.argmax(axis=1) != targets).sum())
    assert counts.sum() - counts.trace() == wrong


@given(predicted)
def test_scores_by_label_are_those_of_scikit_learn(pair):
    targets, probabilities = pair
    record = judge("r", "test", names(probabilities), *pair)
    theirs = precision_recall_fscore_support(
        targets, probabilities.argmax(axis=1), labels=range(len(record.labels)), zero_division=0
    )
    ours = [(c.precision.value, c.recall.value, c.f1.value, c.support) for c in record.classes]
    assert ours == list(zip(*theirs, strict=True))
    for k, found in enumerate(record.classes):
        if 0 < found.support < len(targets):
            auc = roc_auc_score(targets == k, probabilities[:, k])
            assert found.roc_auc.value == pytest.approx(auc, abs=1e-12)
        else:
            assert math.isnan(found.roc_auc.value)


def test_the_table_begins_with_the_baselines_and_ends_with_the_model():
    targets, probabilities = guesses(60, 3)
    even = np.full((60, 3), 1 / 3)
    record = judge(
        "topics@1", "test", names(even), targets, probabilities, baselines={"majority": even}
    )
    assert [(j.name, j.kind) for j in record.table] == [
        ("majority", "baseline"),
        ("topics@1", "model"),
    ]
    values = {name: found.value for name, found in record.scores.items()}
    assert values == score(targets, probabilities)
    assert all(found.low <= found.value <= found.high for found in record.scores.values())


def test_the_worst_errors_are_the_most_confident_ones():
    targets = np.array([0, 1, 0, 1])
    probabilities = np.array([[0.4, 0.6], [0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    record = judge(
        "r", "test", ("ham", "spam"), targets, probabilities,
        texts=["one", "two" * 1000, "three", "four"], rows=[10, 20, 30, 40],
    )  # fmt: skip
    told = [(e.row, e.target, e.prediction, e.probability) for e in record.errors]
    assert told == [
        (20, "spam", "ham", 0.9),
        (40, "spam", "ham", 0.7),
        (10, "ham", "spam", 0.6),
    ]
    assert len(record.errors[0].text) == LONGEST_TEXT


def verdict(ours, theirs, targets):
    baselines = {"majority": np.full_like(ours, 1 / ours.shape[1]), "TF-IDF": theirs}
    return judge("topics@1", "test", names(ours), targets, ours, baselines=baselines).verdict


def test_a_model_that_is_clearly_better_beats_the_best_baseline():
    targets, good = right(40)
    poor = good.copy()
    poor[:20] = poor[:20, ::-1]
    said = verdict(good, poor, targets)
    assert said.startswith("topics@1 beats TF-IDF by 0.500 f1_macro (95 %: 0.3")


def test_a_model_that_is_clearly_worse_loses_by_as_much():
    targets, good = right(40)
    poor = good.copy()
    poor[:20] = poor[:20, ::-1]
    ours, theirs = (v[v.index(" by ") :] for v in (verdict(*p, targets) for p in (
        (good, poor), (poor, good),
    )))  # fmt: skip
    assert "loses to TF-IDF" in verdict(poor, good, targets)
    assert ours == theirs


@pytest.mark.parametrize("differing", [0, 2])
def test_a_difference_of_a_few_rows_is_not_shown(differing):
    targets, ours = right(40)
    theirs = ours.copy()
    theirs[:differing] = theirs[:differing, ::-1]
    said = verdict(ours, theirs, targets)
    assert said.startswith("topics@1 better than TF-IDF: not shown (difference in f1_macro +0.0")


def test_five_rows_show_nothing():
    targets, good = right(5)
    baselines = {"TF-IDF": good[:, ::-1]}
    said = judge("topics@1", "test", ("a", "b"), targets, good, baselines=baselines).verdict
    assert said == "topics@1 better than TF-IDF: not shown (difference in f1_macro +1.000)."


def test_without_a_baseline_there_is_nothing_to_compare_with():
    record = judge("r", "test", ("a", "b"), *right(10))
    assert record.verdict == "There is no baseline to compare with."


def test_a_score_that_no_resample_changes_has_no_interval():
    """All ten rows are right: that does not show that all rows to come will be."""
    accuracy = judge("r", "test", ("a", "b"), *right(10)).scores["accuracy"]
    assert accuracy.value == 1
    assert math.isnan(accuracy.low)
    assert math.isnan(accuracy.high)


def test_models_that_are_equally_good_are_rarely_told_apart():
    """Two guessers that are right in 70 % of 40 rows, 40 times; at 95 % about 2 are expected."""
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(40):
        targets = rng.integers(2, size=40)
        ours, theirs = (
            np.eye(2)[np.where(rng.random(40) < 0.7, targets, 1 - targets)] * 0.8 + 0.1
            for _ in range(2)
        )
        told += "not shown" not in verdict(ours, theirs, targets)
    assert told <= 6
