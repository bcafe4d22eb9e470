import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nbtune.engine.spikes import FIRST, LASTING, MEMORY, MOST, USUAL, SpikeWatch


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


def watched(losses):
    watch = SpikeWatch()
    return watch, [position for position, _ in watch(losses)]


def test_losses_that_stay_above_the_first_are_told_once_and_last():
    losses = falling()
    losses[200:] += 4
    for end in range(201, 200 + LASTING):
        assert not watched(losses[:end])[0].is_lost
    watch, found = watched(losses[: 200 + LASTING])
    assert watch.is_lost
    assert (found, watch.steps_lost) == ([200], LASTING)
    watch.forget()
    assert not watch.is_lost


def test_a_higher_level_below_the_first_losses_is_a_spike_that_does_not_last():
    losses = falling(steps=600)
    losses[400:] += 1
    watch, found = watched(losses[:430])
    assert found == [400]
    assert not watch.is_lost


def test_a_loss_that_rose_at_once_and_never_fell_is_lost_and_is_again_after_a_new_start():
    rose = np.r_[np.full(FIRST, 2.5), np.linspace(2.5, 6, 20), np.full(100, 5.0)]
    assert not watched(rose[: MEMORY - 1])[0].is_lost
    watch, _ = watched(rose)
    assert watch.is_lost
    assert 0 <= len(rose) - watch.steps_lost < 2 * FIRST
    watch.forget()
    assert not watch.is_lost
    list(watch(rose[FIRST:]))
    assert watch.is_lost


def test_a_loss_that_drifts_up_late_is_lost_since_it_passed_the_first_losses_only():
    losses = np.r_[np.full(400, 1.0), np.linspace(1, 8, 700)]
    losses[:FIRST] = 3.0
    watch = SpikeWatch()
    lost = next(step for step, loss in enumerate(losses) if [*watch([loss])] or watch.is_lost)
    assert 600 < lost - watch.steps_lost < lost - 50


def test_a_model_that_knows_nearly_all_is_not_lost_by_a_little():
    assert not watched(np.r_[np.full(50, 0.001), np.full(300, 0.24)])[0].is_lost


def test_a_loss_that_only_scatters_is_not_lost():
    """Squared errors of few rows have long tails; the first of them may well be small."""
    rng = np.random.default_rng(0)
    runs = [4 * rng.gamma(3, 1 / 3, 300) for _ in range(200)]
    lost = [any(watched(run[:n])[0].is_lost for n in range(50, 300, 10)) for run in runs]
    assert sum(lost) <= 2


def test_a_loss_that_stays_becomes_the_usual_one():
    losses = np.r_[falling(), np.full(USUAL + MEMORY, 5.0)]
    assert watched(losses)[0].length == 0


@given(st.lists(st.floats(), max_size=200))
def test_whatever_the_losses_nothing_breaks(losses):
    found = list(SpikeWatch()(losses))
    assert all(math.isfinite(losses[position]) for position, _ in found)
