import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from nbtune.evaluation.multi_label import best_thresholds, chosen, judge, weighted_scores
from nbtune.evaluation.tables import plain_scores
from nbtune.records import MULTI_LABEL_SCORES, EvaluationRecord


def guesses(rows, labels, seed):
    rng = np.random.default_rng(seed)
    targets = rng.random((rows, labels)) < 0.4
    return targets, (rng.integers(0, 9, (rows, labels)) + 3 * targets) / 12


@given(st.integers(1, 60), st.integers(2, 5), st.integers(0, 99))
def test_scores_are_those_of_scikit_learn(rows, labels, seed):
    targets, probabilities = guesses(rows, labels, seed)
    found = plain_scores(weighted_scores(targets, probabilities), rows)
    given_ = chosen(probabilities)
    own = {"zero_division": 0}
    assert tuple(found) == MULTI_LABEL_SCORES
    assert found["f1_micro"] == pytest.approx(sk.f1_score(targets, given_, average="micro", **own))
    assert found["f1_macro"] == pytest.approx(sk.f1_score(targets, given_, average="macro", **own))
    precision = sk.precision_score(targets, given_, average="micro", **own)
    assert found["precision_micro"] == pytest.approx(precision)
    assert found["subset_accuracy"] == pytest.approx(sk.accuracy_score(targets, given_))
    assert found["hamming_loss"] == pytest.approx(sk.hamming_loss(targets, given_))
    ranking = sk.label_ranking_average_precision_score(targets, probabilities)
    assert found["lrap"] == pytest.approx(ranking)
    varied = [k for k in range(labels) if 0 < targets[:, k].sum() < rows]
    if varied:
        auc = sk.roc_auc_score(targets[:, varied], probabilities[:, varied])
        assert found["roc_auc"] == pytest.approx(auc)


@given(st.integers(6, 40), st.integers(0, 99))
def test_rows_that_count_twice_score_as_rows_that_come_twice(rows, seed):
    targets, probabilities = guesses(rows, 3, seed)
    weights = np.random.default_rng(seed).integers(0, 3, (1, rows))
    weights[0, 0] = 1
    again = np.repeat(np.arange(rows), weights[0])
    expected = plain_scores(weighted_scores(targets[again], probabilities[again]), len(again))
    found = weighted_scores(targets, probabilities)(weights)
    assert {k: v[0] for k, v in found.items()} == pytest.approx(expected, nan_ok=True)


def test_a_threshold_stands_where_f1_is_highest():
    targets = np.array([[1, 1, 1, 1, 1, 0, 0, 0]]).T.astype(bool)
    probabilities = np.array([[0.4, 0.3, 0.3, 0.25, 0.2, 0.1, 0.1, 0.0]]).T
    assert best_thresholds(targets, probabilities) == (pytest.approx(0.15),)
    assert chosen(probabilities, (0.15,)).tolist() == targets.tolist()


def test_a_rare_label_takes_the_threshold_that_suits_all():
    targets = np.zeros((40, 2), dtype=bool)
    targets[:20, 0] = targets[39, 1] = True
    probabilities = np.where(targets, 0.3, 0.1)
    probabilities[39, 1] = 0.9
    assert best_thresholds(targets, probabilities)[1] == pytest.approx(0.2)


def test_the_record_reads_back_and_names_the_surest_mistakes_first():
    targets, good = guesses(60, 3, 0)
    worse = guesses(60, 3, 1)[1]
    texts = [f"text {i}" for i in range(60)]
    record = judge(
        "run@1", "test", ("a", "b", "c"), targets, (good, ()),
        baselines={"other": (worse, ())}, texts=texts, rows=range(60),
    )  # fmt: skip
    assert EvaluationRecord.from_json(record.to_json()) == record
    assert record.verdict.startswith("run@1 beats other by")
    assert len(record.roc) == 5
    sure = [row.probability for row in record.errors]
    assert sure == sorted(sure, reverse=True)
