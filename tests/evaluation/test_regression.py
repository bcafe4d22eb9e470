import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from nbtune.evaluation.regression import judge, weighted_scores
from nbtune.evaluation.tables import plain_scores
from nbtune.records import REGRESSION_SCORES, STEP_SCORES, EvaluationRecord


@given(st.integers(4, 60), st.floats(-1e4, 1e4), st.integers(0, 99))
def test_scores_are_those_of_scikit_learn_and_scipy(rows, shift, seed):
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=rows) + shift
    said = targets + rng.normal(size=rows)
    found = plain_scores(weighted_scores(targets, said), rows)
    assert tuple(found) == REGRESSION_SCORES
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(targets, said))
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(targets, said))
    assert found["r2"] == pytest.approx(sk.r2_score(targets, said), abs=1e-6)
    assert found["pearson"] == pytest.approx(stats.pearsonr(targets, said)[0], abs=1e-6)
    assert found["spearman"] == pytest.approx(stats.spearmanr(targets, said)[0], abs=1e-6)


@given(st.integers(4, 60), st.integers(3, 9), st.integers(0, 99))
def test_steps_of_a_scale_are_judged_as_scikit_learn_judges_them(rows, steps, seed):
    rng = np.random.default_rng(seed)
    targets = rng.integers(1, steps + 1, rows).astype(float)
    said = targets + 1.5 * rng.normal(size=rows)
    whole = np.clip(np.floor(said + 0.5), 1, steps)
    found = plain_scores(weighted_scores(targets, said, (1, steps)), rows)
    assert tuple(found) == (*REGRESSION_SCORES, *STEP_SCORES)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(targets, whole))
    if len({*targets, *whole}) > 1:
        every = range(1, steps + 1)  # else scikit-learn counts only the steps that there are
        kappa = sk.cohen_kappa_score(targets, whole, labels=every, weights="quadratic")
        assert found["quadratic_kappa"] == pytest.approx(kappa, abs=1e-9)


def test_a_constant_has_no_correlation():
    found = plain_scores(weighted_scores(np.array([1.0, 2, 3]), np.full(3, 2.0)), 3)
    assert found["pearson"] == found["spearman"] == 0


def test_the_record_reads_back_and_a_lower_error_wins():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=50)
    record = judge(
        "run@1", "test", targets, targets + 0.1 * rng.normal(size=50),
        baselines={"mean": np.zeros(50)}, texts=["t"] * 50, rows=range(50),
    )  # fmt: skip
    assert EvaluationRecord.from_json(record.to_json()).scatter == record.scatter
    assert record.verdict.startswith("run@1 beats mean by")
    assert record.errors[0].target != record.errors[0].prediction
