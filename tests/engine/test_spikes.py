import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nbtune.engine.spikes import MEMORY, MOST, SpikeWatch


def falling(steps=400, seed=0):
    rng = np.random.default_rng(seed)
    return 0.2 + 2 * np.exp(-np.arange(steps) / 80) + 0.1 * rng.normal(size=steps).clip(-3, 3)


def test_a_falling_noisy_loss_has_no_spikes():
    assert [list(SpikeWatch()(falling(seed=seed))) for seed in range(20)] == [[]] * 20


def test_a_spike_is_found_with_the_loss_that_was_usual():
    losses = falling()
    losses[200] += 3
    ((position, usual),) = SpikeWatch()(losses)
    assert position == 200
    assert 0.3 < usual < 0.6


def test_reports_of_any_length_find_the_same():
    losses = falling()
    losses[[100, 300]] += 3
    watch, found = SpikeWatch(), []
    for start in range(0, 400, 7):
        found += [start + position for position, _ in watch(losses[start : start + 7])]
    assert found == [100, 300]


def test_noise_near_zero_is_no_spike():
    losses = np.r_[2 * np.exp(-np.arange(200) / 10), np.full(100, 1e-4)]
    losses[250] = 0.3
    assert list(SpikeWatch()(losses)) == []


def test_who_has_many_spikes_is_told_some():
    losses = np.full(3000, 1.0)
    losses[MEMORY + 100 :: 200] = 50.0
    assert len(list(SpikeWatch()(losses))) == MOST


@given(st.lists(st.floats(), max_size=200))
def test_whatever_the_losses_nothing_breaks(losses):
    found = list(SpikeWatch()(losses))
    assert all(math.isfinite(losses[position]) for position, _ in found)
