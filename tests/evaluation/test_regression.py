import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from nbtune.evaluation.regression import judge, weighted_scores
from nbtune.evaluation.tables import plain_scores
from nbtune.records import REGRESSION_SCORES, EvaluationRecord


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
