"""Models that go on above their frozen layers say what the whole model says."""

import pytest
import torch

from nbtune.methods import find_method
from nbtune.models.frozen import lowest_trained
from nbtune.models.packing import packing
from nbtune.models.pooled import PooledForSequenceClassification
from nbtune.models.probing import find_frozen, find_packer
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model

ENCODERS = ["bert", "roberta", "distilbert", "electra"]
DECODERS = ["gpt2", "llama", "opt", "qwen3"]
ROWS = [[5, 9, 3, 8, 40, 7], [11, 2], [6, 6, 6, 2]]


def layers_of(model):
    frozen = lowest_trained(find_packer(model).inner)
    return getattr(frozen.holder, frozen.name)


def frozen_but_for(model, layers):
    """Train the head, and so many of the highest layers."""
    model = find_method("head").apply(model, Recipe())
    every = layers_of(model)
    for layer in list(every)[len(every) - layers :]:
        layer.requires_grad_(True)
    return model.eval()


def call(model, packer, rows, states=None):
    width = max(map(len, rows))
    packer.lengths, packer.states = [len(row) for row in rows], states
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    with packing(model, packer):
        return model(input_ids=ids, attention_mask=mask).logits


def gradients(model, logits):
    model.zero_grad()
    logits.square().sum().backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def go_on(model, packer):
    """Record what the frozen layers say about the rows, and go on from there."""
    with torch.no_grad():
        states = packer.record(lambda: call(model, packer, ROWS))
    shorter = [packer.frozen.shorten(row) for row in ROWS]
    return call(model, packer, shorter, [own.numpy() for own in states])


@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("kind", [*ENCODERS, *DECODERS])
def test_logits_and_gradients_are_those_of_the_whole_model(kind, layers):
    model = frozen_but_for(tiny_model(kind), layers)
    packer = find_packer(model)
    packer.frozen = find_frozen(model, packer)
    expected = call(model, packer, ROWS)
    expected_gradients = gradients(model, expected)
    found = go_on(model, packer)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    for name, gradient in gradients(model, found).items():
        torch.testing.assert_close(gradient, expected_gradients.pop(name), atol=1e-6, rtol=1e-4)
    assert not expected_gradients


@pytest.mark.parametrize(
    ("kind", "pooling", "looked"),
    [
        ("bert", None, "first"),
        ("gpt2", None, "last"),
        ("bert", "mean", "mean"),
        ("bert", "cls", "first"),
        ("bert", "lasttoken", "last"),
    ],
)
def test_a_head_alone_needs_one_token_of_a_row_or_the_mean(kind, pooling, looked):
    model = tiny_model(kind)
    if pooling is not None:
        model = PooledForSequenceClassification.of(model, pooling)
    model = frozen_but_for(model, 0)
    packer = find_packer(model)
    packer.frozen = find_frozen(model, packer)
    assert (packer.frozen.looked, packer.frozen.is_all) == (looked, True)
    with torch.no_grad():
        states = packer.record(lambda: call(model, packer, ROWS))
    assert [own.shape for own in states] == [(1, 32)] * 3
    torch.testing.assert_close(go_on(model, packer), call(model, packer, ROWS))


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_adapters_on_the_highest_layer_leave_the_others_frozen(kind):
    model = find_method("lora").apply(tiny_model(kind), Recipe(method="lora")).eval()
    for name, parameter in model.named_parameters():
        if ".layer.0." in name or ".h.0." in name:
            parameter.requires_grad_(False)
    packer = find_packer(model)
    assert find_frozen(model, packer).first == 1


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_nothing_is_frozen_below_something_that_is_trained(kind):
    model = frozen_but_for(tiny_model(kind), 1)
    model.get_input_embeddings().weight.requires_grad_(True)
    assert find_frozen(model, find_packer(model)) is None


def test_a_model_that_trains_whole_or_not_at_all_has_no_frozen_layers():
    model = tiny_model()
    assert find_frozen(model, find_packer(model)) is None
    model.requires_grad_(False)
    assert find_frozen(model, find_packer(model)) is None


def test_looking_leaves_no_trace():
    model = frozen_but_for(tiny_model(), 1).train()
    before, state, packer = list(model.state_dict()), torch.get_rng_state(), find_packer(model)
    find_frozen(model, packer)
    assert packer.frozen is None
    assert packer.states is None
    assert model.training
    assert list(model.state_dict()) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in model.parameters())


def test_an_error_above_the_frozen_layers_leaves_the_model_whole():
    model = frozen_but_for(tiny_model(), 1)
    packer = find_packer(model)
    packer.frozen = find_frozen(model, packer)
    names = list(model.state_dict())
    with torch.no_grad():
        states = packer.record(lambda: call(model, packer, ROWS))
    with pytest.raises(RuntimeError):
        call(model, packer, ROWS, [own.numpy()[:, :5] for own in states])
    assert list(model.state_dict()) == names
    assert call(model, packer, ROWS).shape == (3, 3)
