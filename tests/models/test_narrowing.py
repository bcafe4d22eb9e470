"""Below a head that reads the first token, the last layer works for nothing else.

That logits and gradients are those of the padded model is what the tests of packing show.
"""

import pytest
import torch

from nbtune.methods import find_method
from nbtune.models.layers import layers_of
from nbtune.models.packing import packing
from nbtune.models.probing import find_packer
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model

LENGTHS = [3, 40, 9]
FIRST = ["bert", "roberta", "distilbert", "electra", "ernie"]


def call(model, packer):
    ids = torch.arange(1, 121).view(3, 40)
    mask = (torch.arange(40)[None] < torch.tensor(LENGTHS)[:, None]).long()
    packer.lengths = LENGTHS
    with packing(model, packer):
        return model(input_ids=ids * mask, attention_mask=mask).logits


def tokens_after_each_layer(model, packer):
    seen = []

    def look(layer, args, output):
        seen.append((output[0] if isinstance(output, tuple) else output).shape[1])

    hooks = [layer.register_forward_hook(look) for layer in getattr(*layers_of(packer.inner))]
    call(model, packer)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("kind", FIRST)
def test_the_last_layer_has_one_token_of_a_row(kind):
    model = tiny_model(kind).eval()
    assert tokens_after_each_layer(model, find_packer(model)) == [52, 3]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_model_that_would_not_agree_is_left_as_it_is(kind):
    """Keys come from one product with queries, or are turned by their place."""
    model = tiny_model(kind).eval()
    packer = find_packer(model)
    assert packer.narrow is None
    assert tokens_after_each_layer(model, packer) == [52, 52]


def test_adapters_learn_what_they_learn_on_all_tokens():
    model = find_method("lora").apply(tiny_model(), Recipe(method="lora")).eval()
    packer = find_packer(model)
    assert packer.narrow is not None

    def gradients():
        model.zero_grad()
        call(model, packer).square().sum().backward()
        return [p.grad for p in model.parameters() if p.grad is not None]

    narrow, packer.narrow = gradients(), None
    for found, expected in zip(narrow, gradients(), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)


def test_activations_that_are_computed_again_give_the_same_gradients():
    def gradients(checkpointing):
        model = tiny_model().train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        packer = find_packer(model)
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        packer.lengths = LENGTHS
        ids = torch.arange(1, 121).view(3, 40)
        with packing(model, packer):
            model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.sum().backward()
        return [p.grad for p in model.parameters() if p.grad is not None]

    for found, expected in zip(gradients(True), gradients(False), strict=True):
        torch.testing.assert_close(found, expected)


def test_after_the_block_and_after_an_error_the_layer_is_as_it_was():
    model = tiny_model().eval()
    packer = find_packer(model)
    layer = packer.narrow.layer
    with pytest.raises(KeyboardInterrupt), packing(model, packer):
        raise KeyboardInterrupt
    assert not layer._forward_pre_hooks
    assert not layer._forward_hooks
    assert not any("forward" in vars(module) for module in layer.modules())
    assert packer.narrow.hidden is None
