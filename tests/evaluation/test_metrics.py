import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from nbtune.evaluation.metrics import METRICS, score
from nbtune.records import SCORES
from nbtune.testing import guesses

predicted = st.builds(
    guesses, st.integers(1, 25), st.integers(2, 4), st.integers(0, 10_000), st.floats(0, 0.8)
)
"""So few rows that labels are missing, so coarse that probabilities are equal."""


@given(predicted)
def test_scores_are_those_of_scikit_learn(pair):
    targets, probabilities = pair
    found = score(targets, probabilities)
    given = probabilities.argmax(axis=1)
    macro = {"average": "macro", "zero_division": 0}
    assert found["accuracy"] == sk.accuracy_score(targets, given)
    assert found["f1_macro"] == sk.f1_score(targets, given, **macro)
    assert found["f1_micro"] == sk.f1_score(targets, given, average="micro")
    assert found["f1_weighted"] == sk.f1_score(targets, given, average="weighted", zero_division=0)
    assert found["precision_macro"] == sk.precision_score(targets, given, **macro)
    assert found["recall_macro"] == sk.recall_score(targets, given, **macro)
    assert found["mcc"] == sk.matthews_corrcoef(targets, given)
    labels = range(probabilities.shape[1])
    assert found["log_loss"] == sk.log_loss(targets, probabilities, labels=labels)


@given(predicted)
def test_auc_is_that_of_scikit_learn_where_it_has_one(pair):
    targets, probabilities = pair
    labels = probabilities.shape[1]
    assume(len(set(targets)) == labels)
    theirs = (
        sk.roc_auc_score(targets, probabilities[:, 1])
        if labels == 2
        else sk.roc_auc_score(targets, probabilities, multi_class="ovr", average="macro")
    )
    assert score(targets, probabilities, ["roc_auc"])["roc_auc"] == pytest.approx(theirs, abs=1e-12)


@given(predicted)
def test_auc_leaves_out_labels_that_no_row_has(pair):
    """Another label that nobody has or is given changes nothing."""
    targets, probabilities = pair
    assume(probabilities.shape[1] > 2)
    wider = np.column_stack([probabilities, np.zeros(len(targets))])
    one, other = (score(targets, p) for p in (probabilities, wider))
    assert one == pytest.approx(other, nan_ok=True)


def test_auc_is_unknown_when_all_rows_have_one_label():
    targets = np.array([2, 2])
    for probabilities in (np.full((2, 4), 0.25), np.array([[0.0, 0.1, 0.9], [0.3, 0.3, 0.4]])):
        assert math.isnan(score(targets, probabilities)["roc_auc"])
    assert math.isnan(score(np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]]))["roc_auc"])


def test_equal_probabilities_count_half_in_auc():
    """Pairs of a row with the label and one without: 0.9 > 0.5, 0.5 = 0.5, so (1 + 1/2) / 2."""
    probabilities = np.array([[0.1, 0.9], [0.5, 0.5], [0.5, 0.5]])
    assert score(np.array([1, 1, 0]), probabilities)["roc_auc"] == 0.75


def test_macro_f1_is_the_mean_over_labels_that_a_row_has_or_was_given():
    """Of four labels: 0 has F1 2/3, 1 has 0 (given, never true), 2 has 1, 3 is nowhere."""
    targets = np.array([0, 0, 2])
    probabilities = np.eye(4)[[0, 1, 2]]
    assert score(targets, probabilities)["f1_macro"] == pytest.approx((2 / 3 + 0 + 1) / 3)


def test_being_sure_and_wrong_costs_much_but_not_infinitely_much():
    worst = score(np.array([0]), np.array([[0.0, 1.0]]))["log_loss"]
    assert worst == pytest.approx(-math.log(np.finfo(float).eps))


def test_all_scores_are_given_in_the_order_of_the_tables():
    assert tuple(METRICS) == SCORES
    assert tuple(score(*guesses())) == SCORES
    assert list(score(*guesses(), names=["mcc", "accuracy"])) == ["mcc", "accuracy"]
