import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nbtune.plots.decimating import decimate

losses = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=400)


@given(losses, st.integers(3, 60))
def test_lowest_highest_and_last_points_are_kept(values, points):
    y = np.array(values)
    kept_x, kept_y = decimate(np.arange(len(y)), y, points)
    assert len(kept_y) == len(y) if len(y) <= points else len(kept_y) <= points
    assert (y[kept_x] == kept_y).all(), "they are points of the curve"
    assert (np.diff(kept_x) > 0).all(), "in its order"
    assert (kept_y.min(), kept_y.max()) == (y.min(), y.max())
    assert kept_x[-1] == len(y) - 1


@given(losses, st.integers(3, 60))
def test_each_stretch_keeps_its_lowest_and_highest_point(values, points):
    y = np.array(values)
    _, whole = decimate(np.arange(len(y)), y, points)
    stretches = (points - 1) // 2
    size = -(-len(y) // stretches)
    for start in range(0, len(y), size):
        stretch = y[start : start + size]
        assert {stretch.min(), stretch.max()} <= set(whole)


def test_a_single_spike_among_a_hundred_thousand_points_stays():
    y = np.ones(100_000)
    y[54_321] = 9.0
    x, kept = decimate(np.arange(100_000), y, 300)
    assert x[kept.argmax()] == 54_321
    assert len(x) <= 300
