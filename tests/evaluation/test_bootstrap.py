import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.evaluation import bootstrap
from nbtune.evaluation.bootstrap import interval, resampled, weighted_labels
from nbtune.evaluation.metrics import score
from nbtune.testing import guesses

predicted = st.builds(
    guesses, st.integers(2, 25), st.integers(2, 4), st.integers(0, 10_000), st.floats(0, 0.8)
)


def plain(found):
    return {name: float(values[0]) for name, values in found.items()}


@given(predicted)
def test_rows_that_count_once_give_the_plain_scores(pair):
    targets, probabilities = pair
    once = np.ones((1, len(targets)), dtype=np.float32)
    found = plain(weighted_labels(targets, probabilities)(once))
    assert found == pytest.approx(score(targets, probabilities), abs=1e-12, nan_ok=True)


@given(predicted, st.data())
def test_a_weight_is_the_same_as_that_many_rows(pair, data):
    targets, probabilities = pair
    rows = len(targets)
    drawn = data.draw(st.lists(st.integers(0, rows - 1), min_size=rows, max_size=rows))
    weights = np.bincount(drawn, minlength=rows)[None].astype(np.float32)
    found = plain(weighted_labels(targets, probabilities)(weights))
    naive = score(targets[drawn], probabilities[drawn])
    assert found == pytest.approx(naive, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("labels", [2, 3])
def test_intervals_are_those_of_resampling_row_by_row(labels):
    targets, probabilities = guesses(40, labels)
    rng = np.random.default_rng(1)
    drawn = [rng.integers(40, size=40) for _ in range(300)]
    ours = resampled(targets, probabilities)
    for name in ("f1_macro", "roc_auc", "log_loss"):
        value = score(targets, probabilities, [name])[name]
        naive = [score(targets[rows], probabilities[rows], [name])[name] for rows in drawn]
        theirs, found = interval(value, np.array(naive), 40), interval(value, ours[name], 40)
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.05), name


def test_resamples_do_not_depend_on_how_many_fit_into_memory(monkeypatch):
    pair = guesses(30, 3)
    whole = resampled(*pair)
    monkeypatch.setattr(bootstrap, "_CELLS_AT_ONCE", 30 * 7)
    for name, values in resampled(*pair).items():
        np.testing.assert_allclose(values, whole[name])


def test_more_rows_mean_fewer_resamples():
    assert len(resampled(*guesses(40, 3))["accuracy"]) == bootstrap.MOST_RESAMPLES
    assert len(resampled(*guesses(40_000, 12))["accuracy"]) == 208


def test_two_models_are_scored_on_the_same_resamples():
    """Where they give the same rows the same label, they differ on no resample."""
    targets, probabilities = guesses(50, 3)
    sharper = probabilities**2 / (probabilities**2).sum(axis=1, keepdims=True)
    ours, theirs = resampled(targets, probabilities), resampled(targets, sharper)
    assert (ours["f1_macro"] == theirs["f1_macro"]).all()
    assert (ours["log_loss"] != theirs["log_loss"]).any()


def test_the_interval_is_wider_than_plain_percentiles_with_few_rows_only():
    samples = np.random.default_rng(0).normal(size=100_000)
    few, many = interval(0.0, samples, 10), interval(0.0, samples, 10_000)
    assert many.high == pytest.approx(1.96, abs=0.03)
    assert few.high == pytest.approx(2.262 * (10 / 9) ** 0.5, abs=0.05), "Student's t"


def test_the_interval_is_corrected_for_bias():
    """Resamples that lie half a deviation too low mean that the score does as well (Efron 1981)."""
    samples = np.random.default_rng(0).normal(-0.5, size=100_000)
    found = interval(0.0, samples, 10_000)
    assert (found.low, found.high) == pytest.approx((0.5 - 1.96, 0.5 + 1.96), abs=0.04)


def test_intervals_hold_their_score_even_with_five_rows_a_label():
    targets, probabilities = guesses(1000, 200)
    samples = resampled(targets, probabilities)
    for name, value in score(targets, probabilities).items():
        found = interval(value, samples[name], 1000)
        assert found.low < value < found.high, name


def test_there_is_no_interval_for_too_few_rows_or_unknown_values():
    for found in (interval(0.5, np.array([0.4, 0.6]), 5), interval(0.5, np.array([math.nan]), 9)):
        assert found.value == 0.5
        assert math.isnan(found.low)
        assert math.isnan(found.high)


def test_intervals_of_accuracy_hold_the_truth_about_as_often_as_they_say():
    """100 draws of 60 rows from a model that is right in 80 % of them."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        right = rng.random(60) < 0.8
        targets = np.where(right, 0, 1)
        samples = resampled(targets, np.tile([0.9, 0.1], (60, 1)))["accuracy"]
        found = interval(right.mean(), samples, 60)
        held += found.low <= 0.8 <= found.high
    assert 90 <= held <= 99


def test_areas_of_many_rows_are_followed_closely_enough(monkeypatch):
    """Against every pair counted on every resample: not a tenth of a deviation apart."""
    targets, probabilities = guesses(2000, 4, skill=0.3)
    exact = resampled(targets, probabilities)["roc_auc"]
    monkeypatch.setattr(bootstrap, "_MOST_EXACT", 0)
    nearby = resampled(targets, probabilities)["roc_auc"]
    assert np.abs(exact - nearby).max() < 0.1 * exact.std()
    value = score(targets, probabilities, ["roc_auc"])["roc_auc"]
    one, other = (interval(value, samples, 2000) for samples in (exact, nearby))
    assert abs(one.low - other.low) < 0.02 * (one.high - one.low)
    assert abs(one.high - other.high) < 0.02 * (one.high - one.low)


def test_areas_that_no_resample_changes_stay_as_they_are(monkeypatch):
    """All rows are told apart, or none: then nothing is lost to rounding."""
    monkeypatch.setattr(bootstrap, "_MOST_EXACT", 0)
    targets = np.arange(90) % 3
    assert (resampled(targets, np.eye(3)[targets])["roc_auc"] == 1).all()
    assert (resampled(targets, np.full((90, 3), 1 / 3))["roc_auc"] == 0.5).all()


@given(predicted, st.data())
def test_areas_of_one_resample_are_exact_however_many_rows(pair, data):
    """Rows that weigh nothing, as those that a run had seen, are as if they were not there."""
    targets, probabilities = pair
    kept = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(targets), max_size=len(targets)))
    )
    if not kept.any():
        return
    columns = list(bootstrap.sorted_columns(bootstrap._cases(targets, probabilities)))
    one = list(bootstrap._areas_nearby(kept[None].astype(np.float64), columns))
    two = list(bootstrap._areas(kept[None].astype(np.float64), columns))
    np.testing.assert_allclose(one, two, atol=1e-12)


def test_models_are_scored_on_resamples_that_are_drawn_once():
    pairs = [guesses(50, 3, seed) for seed in (0, 1)]
    weighted = [bootstrap.weighted_labels(*pair) for pair in pairs]
    for together, alone in zip(bootstrap.resample_all(weighted, 50, 3), pairs, strict=True):
        for name, values in resampled(*alone).items():
            np.testing.assert_array_equal(values, together[name])
