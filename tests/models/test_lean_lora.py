"""The lean way through a layer with an adapter says and learns what PEFT's does."""

import pytest
import torch

from nbtune.methods import find_method
from nbtune.models.lean_lora import _Layer, lean_lora
from nbtune.models.packing import packing
from nbtune.models.probing import find_packer
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model

IDS = torch.arange(1, 21).view(2, 10)


def adapted(kind="bert", **lora):
    torch.manual_seed(0)
    model = find_method("lora").apply(tiny_model(kind), Recipe(method="lora", lora=lora)).eval()
    for name, weight in model.named_parameters():
        if "lora_B" in name:  # zeros at first, which would hide the adapter
            torch.nn.init.normal_(weight, std=0.1)
    return model


def is_lean(model):
    return any(isinstance(vars(module).get("forward"), _Layer) for module in model.modules())


def run(model):
    model.zero_grad()
    logits = model(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits
    logits.square().sum().backward()
    return logits.detach(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("kind", "lora"),
    [
        ("bert", {}),
        ("llama", {"r": 4}),
        ("bert", {"use_rslora": True}),
        ("bert", {"lora_alpha": 3}),
    ],
)
def test_logits_and_gradients_are_those_of_peft(kind, lora):
    model = adapted(kind, **lora)
    expected, expected_gradients = run(model)
    with lean_lora(model):
        assert is_lean(model)
        found, gradients = run(model)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert gradients.keys() == expected_gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected_gradients[name], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("lora", [{"use_dora": True}, {"lora_dropout": 0.1}])
def test_adapters_that_do_more_are_left_to_peft(lora):
    model = adapted(**lora)
    with lean_lora(model):
        assert not is_lean(model)


def test_a_model_without_adapters_is_left_alone():
    model = tiny_model()
    with lean_lora(model):
        assert not is_lean(model)


def test_adapters_that_are_switched_off_stay_off():
    model = adapted()
    with torch.no_grad(), model.disable_adapter():
        expected = model(input_ids=IDS).logits
        with lean_lora(model):
            torch.testing.assert_close(model(input_ids=IDS).logits, expected)


def test_packed_and_narrow_models_run_lean_as_well():
    model = adapted()
    packer = find_packer(model)
    assert packer.narrow is not None
    packer.lengths = [10, 10]
    expected, expected_gradients = run(model)
    with lean_lora(model), packing(model, packer):
        found, gradients = run(model)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected_gradients[name], atol=1e-6, rtol=1e-4)
    assert not any("forward" in vars(module) for module in model.modules())


def test_after_the_block_the_layers_are_pefts():
    model = adapted()
    with lean_lora(model):
        pass
    assert not is_lean(model)
    assert not any("forward" in vars(module) for module in model.modules())
