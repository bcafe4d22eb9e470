import math

import pytest
import torch

from nbtune.engine.rate_finding import try_rates
from nbtune.errors import RecipeError
from nbtune.jobs.choosing import rising_rates


def nothing(done, total):
    pass


def test_the_loss_falls_as_the_rate_rises(lab):
    job, told = lab(dropout=0.0).job(), []
    rates = rising_rates(1e-5, 3e-2, 40)
    losses = try_rates(job, rates, lambda done, total: told.append((done, total)))
    assert losses[0] == pytest.approx(math.log(3), abs=0.05)
    assert min(losses) < 0.8 * losses[0]
    assert told == [(done, 40) for done in range(1, len(losses) + 1)]


def test_it_ends_once_the_loss_has_risen_again(lab):
    losses = try_rates(lab().job(), rising_rates(1e-3, 10, 60), nothing)
    assert 10 < len(losses) < 60
    assert all(map(math.isfinite, losses))


def test_a_second_time_it_finds_the_same_and_random_numbers_outside_go_on(lab):
    found = []
    for seed in (1, 2):
        job = lab().job()
        torch.manual_seed(seed)
        expected = torch.rand(3)
        torch.manual_seed(seed)
        found.append(try_rates(job, rising_rates(1e-5, 1e-2, 20), nothing))
        assert torch.equal(torch.rand(3), expected)
    assert found[0] == found[1]


def test_rates_rise_by_the_same_factor():
    rates = rising_rates(1e-5, 1e-1, 81)
    assert (rates[0], rates[-1]) == pytest.approx((1e-5, 1e-1))
    assert rates[20] == pytest.approx(1e-4)


@pytest.mark.parametrize(("low", "high", "steps"), [(1e-3, 1e-3, 50), (1e-3, 50, 50), (1, 2, 3)])
def test_rates_that_cannot_rise_are_refused(low, high, steps):
    with pytest.raises(RecipeError, match=r"cannot rise|num_training is 3"):
        rising_rates(low, high, steps)
