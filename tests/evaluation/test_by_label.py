import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.metrics import precision_recall_fscore_support

from nbtune.evaluation.by_label import auc, of_marks, of_rows

marks = array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=8).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


@given(marks)
@settings(deadline=None, max_examples=40)
def test_scores_are_those_of_scikit_learn_and_lie_in_their_intervals(pair):
    targets, given = pair
    found = of_marks(list("abcdefgh")[: targets.shape[1]], targets, given, given.astype(float))
    theirs = precision_recall_fscore_support(
        targets, given, labels=range(targets.shape[1]), average=None, zero_division=0
    )
    ours = [(one.precision.value, one.recall.value, one.f1.value, one.support) for one in found]
    np.testing.assert_allclose(np.array(ours), np.array(theirs).T, atol=1e-12)
    for one in found:
        for score in (one.precision, one.recall, one.f1):
            assert np.isnan(score.low) or 0 <= score.low < score.high <= 1


def drawn(rows, rng):
    """Draw rows of which a label is found in 7 of 10 cases, with 1 in 10 false alarms."""
    has = rng.random(rows) < 0.2
    given = np.where(has, rng.random(rows) < 0.7, rng.random(rows) < 0.1)
    return has[:, None], given[:, None]


def test_the_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    recall, precision = 0.7, 0.14 / (0.14 + 0.08)
    truth = np.array([precision, recall, 0.28 / (0.22 + 0.2)])
    held = np.zeros(3)
    for _ in range(100):
        has, given = drawn(300, rng)
        (one,) = of_marks(["a"], has, given, given.astype(float))
        scores = (one.precision, one.recall, one.f1)
        held += [s.low <= t <= s.high for s, t in zip(scores, truth, strict=True)]
    assert (held >= 89).all(), held


def test_counts_drawn_at_once_spread_like_rows_drawn_one_by_one():
    has, given = drawn(300, np.random.default_rng(1))
    (at_once,) = of_marks(["a"], has, given, given.astype(float))
    (row_by_row,) = of_rows(2.0 * (has & given), has * 1.0 + given)
    assert at_once.f1.value == row_by_row.value
    assert at_once.f1.low == pytest.approx(row_by_row.low, abs=0.015)
    assert at_once.f1.high == pytest.approx(row_by_row.high, abs=0.015)


def test_a_label_of_a_few_rows_or_without_a_mistake_has_no_interval():
    has = np.arange(100)[:, None] < 5
    (few,) = of_marks(["a"], has, np.roll(has, 1, axis=0), has * 1.0)
    assert few.recall.value == pytest.approx(0.8)
    assert np.isnan(few.recall.low)
    has = np.arange(100)[:, None] < 50
    (perfect,) = of_marks(["a"], has, has, has * 1.0)
    assert perfect.f1.value == 1
    assert np.isnan([perfect.f1.low, perfect.roc_auc.low]).all()


def test_the_interval_of_an_area_is_that_of_delong():
    """Of five and six rows, reckoned by hand: every pair is won but those told below."""
    own = np.array([0.2, 0.5, 0.6, 0.7, 0.8, 0.9])
    others = np.array([0.1, 0.15, 0.3, 0.4, 0.45, 0.55])
    has = np.repeat([True, False], 6)
    found = auc(has, np.concatenate([own, others]))
    won = np.array([2, 5, 6, 6, 6, 6]) / 6
    kept = np.array([6, 6, 5, 5, 5, 4]) / 6
    assert found.value == pytest.approx(won.mean()) == pytest.approx(kept.mean())
    spread = (won.var(ddof=1) / 6 + kept.var(ddof=1) / 6) ** 0.5
    assert found.low < found.value - spread < found.value < found.high < 1
