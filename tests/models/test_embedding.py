import pytest
import torch

from nbtune.models import embedding
from nbtune.models.embedding import row_gradients


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    monkeypatch.setattr(embedding, "LARGE", 1)


def model(**options):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Embedding(7, 4, **options), torch.nn.Linear(4, 2))


def gradient(net, *batches):
    """Accumulate over batches, from none."""
    net.zero_grad(set_to_none=True)
    for ids in batches:
        net(torch.tensor(ids)).square().sum().backward()
    return net[0].weight.grad


@pytest.mark.parametrize("options", [{}, {"padding_idx": 1}])
def test_gradients_are_those_of_torch_step_after_step(options):
    ours, theirs = model(**options), model(**options)
    steps = [
        ([[0, 1, 1], [6, 1, 3]],),
        ([[2, 2]], [[2, 5]]),  # two micro-batches
        ([4],),
        ([[0, 1]],),
    ]
    with row_gradients(ours):
        for batches in steps:
            expected = gradient(theirs, *batches)
            assert torch.allclose(gradient(ours, *batches), expected, atol=1e-6)
            assert torch.equal(ours[1].weight.grad, theirs[1].weight.grad)


def test_the_table_of_zeros_is_kept():
    net = model()
    with row_gradients(net):
        assert gradient(net, [0, 1]).data_ptr() == gradient(net, [2]).data_ptr()


def test_after_the_block_everything_is_as_before():
    net = model()
    with row_gradients(net):
        gradient(net, [0])
    assert "forward" not in vars(net[0])
    assert torch.equal(gradient(net, [3]).nonzero()[:, 0].unique(), torch.tensor([3]))


def test_a_gradient_that_was_not_finite_does_not_stay():
    net, clean = model(), model()
    with row_gradients(net):
        gradient(net, [0, 1])
        net[0].weight.grad[1] = torch.nan
        assert torch.allclose(gradient(net, [2]), gradient(clean, [2]))


def test_a_table_that_is_tied_to_a_head_is_left_to_torch():
    net = model()
    net.append(torch.nn.Linear(2, 4, bias=False))
    tied = torch.nn.Linear(4, 7, bias=False)
    tied.weight = net[0].weight
    net.append(tied)
    with row_gradients(net):
        assert "forward" not in vars(net[0])


@pytest.mark.parametrize(
    "options", [{"max_norm": 1.0}, {"sparse": True}, {"scale_grad_by_freq": True}]
)
def test_tables_that_do_more_are_left_to_torch(options):
    net = model(**options)
    with row_gradients(net):
        assert "forward" not in vars(net[0])


def test_frozen_and_small_tables_are_left_to_torch(monkeypatch):
    net = model()
    net[0].requires_grad_(False)
    with row_gradients(net):
        assert "forward" not in vars(net[0])
    monkeypatch.setattr(embedding, "LARGE", 29)
    with row_gradients(model()) as _:
        assert "forward" not in vars(net[0])


def test_rows_are_looked_up_without_gradients_as_well():
    net = model()
    ids = torch.tensor([[0, 3]])
    with row_gradients(net), torch.no_grad():
        assert torch.equal(net[0](ids), torch.nn.functional.embedding(ids, net[0].weight))
