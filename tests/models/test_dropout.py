import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nbtune.models.dropout import cheap_dropout, dropout


@given(probability=st.sampled_from([0.05, 0.1, 0.5, 0.9]), rows=st.integers(1, 7))
def test_numbers_are_dropped_or_scaled_and_so_are_their_gradients(probability, rows):
    values = torch.rand(rows, 5).add(1).requires_grad_()
    found = dropout(values, probability)
    found.sum().backward()
    kept = found != 0
    assert torch.equal(kept, values.grad != 0)
    torch.testing.assert_close(
        found[kept], values.detach()[kept] / (1 - probability), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(
        values.grad[kept], torch.ones(int(kept.sum())) / (1 - probability), rtol=1e-4, atol=0
    )


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.5])
def test_in_sixteen_bits_the_scale_is_that_of_torch(probability):
    values = torch.ones(4096, dtype=torch.bfloat16)
    ours, theirs = dropout(values, probability), torch.nn.functional.dropout(values, probability)
    assert ours.dtype is torch.bfloat16
    assert torch.equal(ours.unique(), theirs.unique())
    assert float((ours == 0).double().mean()) == pytest.approx(probability, abs=0.04)


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_the_share_dropped_is_the_probability_and_the_mean_stays(probability):
    torch.manual_seed(0)
    count = 400_000
    found = dropout(torch.ones(count), probability)
    error = math.sqrt(probability * (1 - probability) / count)
    assert abs(float((found == 0).double().mean()) - probability) < 4 * error
    assert abs(float(found.double().mean()) - 1) < 4 * error / (1 - probability)


def test_neighbours_and_lanes_are_independent():
    torch.manual_seed(0)
    dropped = (dropout(torch.ones(400_000), 0.25) == 0).double()
    for lane in range(4):
        assert float(dropped[lane::4].mean()) == pytest.approx(0.25, abs=0.006)
    for distance in range(1, 9):
        both = float((dropped[distance:] * dropped[:-distance]).mean())
        assert both == pytest.approx(0.0625, abs=0.003)


def test_the_same_random_state_drops_the_same():
    values = torch.ones(3, 5)
    state = torch.get_rng_state()
    first = dropout(values, 0.5)
    assert not torch.equal(dropout(values, 0.5), first)
    torch.set_rng_state(state)
    assert torch.equal(dropout(values, 0.5), first)


@pytest.mark.parametrize(("probability", "kept"), [(0.0, 1.0), (1.0, 0.0)])
def test_nothing_and_everything_can_be_dropped(probability, kept):
    assert torch.equal(dropout(torch.ones(4), probability), torch.full((4,), kept))


def test_other_formats_are_left_to_torch():
    assert dropout(torch.ones(64, dtype=torch.float64), 0.5).dtype == torch.float64


def test_a_tensor_that_lies_the_other_way_keeps_its_order():
    values = torch.arange(1.0, 13).view(3, 4).t()
    found = dropout(values, 0.5)
    assert torch.equal(found[found != 0], 2 * values[found != 0])


def test_layers_drop_only_while_training_and_only_inside_the_block():
    net = torch.nn.Sequential(torch.nn.Dropout(0.5))
    values = torch.ones(100)
    with cheap_dropout(net):
        assert 0 < int((net(values) == 0).sum()) < 100
        net.eval()
        assert torch.equal(net(values), values)
        net.train()
        net[0].p = 0.0
        assert torch.equal(net(values), values)
    assert "forward" not in vars(net[0])
