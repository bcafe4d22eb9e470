import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from nbtune.evaluation.calibration import (
    BINS,
    at_temperature,
    calibrate,
    fit_temperature,
    reliability,
    wilson,
)
from nbtune.evaluation.metrics import score, top_k_accuracy
from nbtune.testing import guesses

predicted = st.builds(
    guesses, st.integers(2, 60), st.integers(2, 5), st.integers(0, 10_000), st.floats(0, 1)
)


def drawn(rows, labels=4, heat=1.0, seed=0):
    """Targets drawn from the very probabilities that a model would give, were it `heat` cooler."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, labels)) * 2
    true = softmax(logits, axis=1)
    targets = np.array([rng.choice(labels, p=own) for own in true])
    return targets, softmax(logits * heat, axis=1)


@pytest.mark.parametrize("heat", [0.5, 2.0, 4.0])
def test_the_temperature_that_was_planted_is_found(heat):
    assert fit_temperature(*drawn(4000, heat=heat)) == pytest.approx(heat, rel=0.08)


def test_probabilities_that_are_true_keep_their_temperature():
    kept = [fit_temperature(*drawn(500, seed=seed)) == 1 for seed in range(40)]
    assert sum(kept) >= 34, "a test at 5 % is wrong in two of forty"


def test_a_few_rows_that_are_all_right_change_nothing():
    assert fit_temperature(np.arange(3), np.eye(3) * 0.85 + 0.05) == 1
    assert fit_temperature(np.empty(0, dtype=int), np.empty((0, 3))) == 1


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@example((27, 27))
def test_an_interval_holds_its_share(counted):
    hits, rows = counted
    low, high = wilson(hits, rows)
    assert 0 <= low <= hits / rows <= high <= 1


@given(predicted, st.floats(0.1, 10))
def test_no_temperature_changes_the_order_of_labels(pair, heat):
    _, probabilities = pair
    changed = at_temperature(probabilities, heat)
    assert (changed.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert changed.sum(axis=1) == pytest.approx(1)
    assert at_temperature(changed, 1 / heat) == pytest.approx(probabilities, abs=1e-9)


@given(predicted)
def test_bins_are_those_of_scikit_learn(pair):
    targets, probabilities = pair
    hits, sure = probabilities.argmax(axis=1) == targets, probabilities.max(axis=1)
    bins = reliability(hits, np.nextafter(sure, 0))  # it counts a border to the bin above
    shares, means = calibration_curve(hits, np.nextafter(sure, 0), n_bins=BINS)
    assert [one.accuracy for one in bins] == pytest.approx(shares)
    assert [one.confidence for one in bins] == pytest.approx(means)
    assert sum(one.rows for one in bins) == len(targets)
    assert all(one.low <= one.accuracy <= one.high for one in bins)


def test_the_calibration_error_is_the_one_counted_by_hand():
    targets = np.array([0, 0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.9, 0.1]])
    found = calibrate(targets, probabilities)
    assert found.ece == pytest.approx(0.1), "0.9 sure, 0.8 right"
    assert found.raw_ece == found.ece


def test_true_probabilities_stay_under_what_chance_gives():
    found = [calibrate(*drawn(400, seed=seed)) for seed in range(40)]
    assert sum(one.ece <= one.chance for one in found) >= 34
    assert "So much is chance" in next(one.words for one in found if one.ece <= one.chance)


def test_a_model_that_is_too_sure_is_told_so():
    found = calibrate(*drawn(2000, heat=3.0))
    assert found.ece > 2 * found.chance
    assert "surer than it is right" in found.words


def test_the_error_without_the_temperature_is_that_of_the_raw_probabilities():
    targets, raw = drawn(2000, heat=3.0)
    cooled = calibrate(targets, at_temperature(raw, 3.0), temperature=3.0)
    assert cooled.raw_ece == pytest.approx(calibrate(targets, raw).ece)
    assert cooled.ece < 0.05 < cooled.raw_ece
    assert f"without the temperature of 3.00 it is {cooled.raw_ece:.3f}" in cooled.words


def test_intervals_of_shares_are_wilsons():
    # Newcombe 1998, table I: 81 of 263 is 0.2553 to 0.3662.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20)[0] == 0
    assert wilson(20, 20)[1] == 1


@given(predicted)
def test_the_brier_score_is_that_of_scikit_learn(pair):
    targets, probabilities = pair
    labels = list(range(probabilities.shape[1]))
    theirs = (
        sk.brier_score_loss(targets, probabilities[:, 1], pos_label=1)
        if len(labels) == 2
        else sk.brier_score_loss(targets, probabilities, labels=labels)
    )
    assert score(targets, probabilities, ["brier"])["brier"] == pytest.approx(theirs)


@given(st.integers(1, 40), st.integers(3, 6), st.integers(0, 1000))
def test_top_k_accuracy_is_that_of_scikit_learn(rows, labels, seed):
    rng = np.random.default_rng(seed)
    targets, probabilities = rng.integers(labels, size=rows), rng.random((rows, labels))
    theirs = [
        sk.top_k_accuracy_score(targets, probabilities, k=k, labels=range(labels))
        for k in range(1, labels)
    ]
    assert top_k_accuracy(targets, probabilities, labels - 1) == pytest.approx(theirs)


@given(predicted)
def test_top_1_is_the_accuracy_whatever_is_equally_likely(pair):
    assert top_k_accuracy(*pair, 1)[0] == score(*pair, ["accuracy"])["accuracy"]
