"""A curve through scores, and what it foretells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from nbtune.evaluation.power_law import fit_power_law, foretell
from nbtune.records import PowerLaw

ROWS = np.array([135, 135, 340, 340, 675, 675, 1350], dtype=float)
LAW = PowerLaw(0.95, 3.0, 0.5)


def drawn(law, seed, noise, resamples=300):
    """Make up scores on one test set: it moves all points alike, and training each by itself."""
    rng = np.random.default_rng(seed)
    scores = law(ROWS) + rng.normal() * 0.008 + rng.normal(size=len(ROWS)) * noise
    moved = rng.normal(size=resamples) * 0.008 + rng.normal(size=(len(ROWS), resamples)) * 0.004
    return scores, scores[:, None] + moved


def test_a_planted_curve_is_found():
    found = fit_power_law(ROWS, LAW(ROWS))
    assert (found.ceiling, found.amount, found.exponent) == pytest.approx(
        (0.95, 3.0, 0.5), rel=1e-6
    )


def test_it_is_the_least_squares_of_scipy():
    scores, _ = drawn(LAW, 3, 0.006)
    (ceiling, amount, exponent), _ = curve_fit(
        lambda rows, a, b, c: a - b * rows**-c, ROWS, scores, p0=(0.9, 3, 0.5), maxfev=20_000
    )
    expected = ((ceiling - amount * ROWS**-exponent - scores) ** 2).sum()
    found = fit_power_law(ROWS, scores)
    assert ((found(ROWS) - scores) ** 2).sum() == pytest.approx(expected, rel=0.02)


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7))
def test_a_curve_never_falls_and_never_passes_what_can_be(scores):
    law = fit_power_law(ROWS, np.array(scores))
    values = law(np.geomspace(50, 1e6, 50))
    assert np.all(np.diff(values) >= -1e-12)
    assert values.max() <= 1 + 1e-9


def test_losses_are_followed_down_to_nothing():
    law = fit_power_law(ROWS, -5 * ROWS**-0.5, cap=0.0)
    assert (law.ceiling, law.exponent) == pytest.approx((0.0, 0.5), abs=1e-6)


def test_nineteen_intervals_of_twenty_hold_what_more_rows_bring():
    truth, held, given_up = float(LAW(2350.0) - LAW(1350.0)), 0, 0
    for seed in range(40):
        gain = foretell(ROWS, *drawn(LAW, seed, 0.006), 1000).gain
        given_up += gain is None
        held += gain is not None and gain.low <= truth <= gain.high
    assert held >= 0.9 * (40 - given_up)
    assert given_up <= 6


def test_points_that_scatter_foretell_nothing():
    scores, samples = drawn(PowerLaw(0.80, 0.5, 1.0), 0, 0.05)
    found = foretell(ROWS, scores, samples, 1000)
    assert found.gain is None
    assert "scatter" in found.refusal


def test_scores_that_do_not_rise_foretell_nothing():
    found = foretell(ROWS, np.full(7, 0.2), np.full((7, 50), 0.2), 1000)
    assert (found.gain, found.refusal) == (None, "the score does not rise with the rows")


def test_a_run_that_leaves_the_curve_of_its_shares_foretells_nothing():
    scores, samples = drawn(LAW, 0, 0.002)
    scores[-1] += 0.06
    samples[-1] += 0.06
    found = foretell(ROWS, scores, samples, 1000)
    assert found.gain is None
    assert "not on one curve" in found.refusal
