"""Virtual tokens agree with PEFT's own on rows that stand alone, and hold for all others."""

import pytest
import torch

from nbtune.errors import RecipeError
from nbtune.methods import find_method
from nbtune.models.packing import packing
from nbtune.models.probing import find_packer
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model

KINDS = ["bert", "roberta", "distilbert", "electra", "gpt2", "llama"]
METHODS = ["prompt-tuning", "p-tuning", "prefix-tuning"]
LENGTHS = (6, 3, 5)
IDS = torch.tensor([[4, 5, 6, 7, 8, 9], [9, 8, 7, 0, 0, 0], [5, 6, 7, 8, 9, 0]])
BATCH = {"input_ids": IDS, "attention_mask": (IDS != 0).long()}


def adapted(kind, method):
    model = tiny_model(kind)
    model.config.pad_token_id = 0
    recipe = Recipe(method=method, num_virtual_tokens=3, model=kind)
    model = find_method(method).apply(model, recipe).eval()
    for seed, weight in enumerate(p for p in model.parameters() if p.requires_grad):
        chance = torch.Generator().manual_seed(seed)
        weight.data += 0.5 * torch.randn(weight.shape, generator=chance)
    return model


def alone(model):
    """Return the answers to each row on its own, without padding."""
    rows = [row[:length][None] for row, length in zip(IDS, LENGTHS, strict=True)]
    return torch.cat([model(input_ids=row).logits for row in rows])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_padding_and_packing_change_no_answer(method, kind):
    model = adapted(kind, method)
    packer = find_packer(model)
    assert packer is not None
    with torch.no_grad():
        expected = alone(model)
        torch.testing.assert_close(model(**BATCH).logits, expected, atol=1e-5, rtol=1e-4)
        packer.lengths = LENGTHS
        with packing(model, packer):
            packed = model(**BATCH).logits
        torch.testing.assert_close(packed, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_what_is_learnt_changes_the_answers_and_gets_gradients_packed_or_not(method, kind):
    model = adapted(kind, method)
    packer = find_packer(model)
    learnt = [w for name, w in model.named_parameters() if name.startswith("prompt_encoder.")]

    def gradients():
        model.zero_grad()
        model(**BATCH).logits.square().sum().backward()
        return torch.cat([weight.grad.flatten() for weight in learnt])

    padded = gradients()
    packer.lengths = LENGTHS
    with packing(model, packer):
        packed = gradients()
    assert padded.abs().max() > 1e-6
    torch.testing.assert_close(packed, padded, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("kind", ["bert", "roberta", "electra", "gpt2", "llama"])
@pytest.mark.parametrize("method", ["prompt-tuning", "p-tuning"])
def test_a_row_alone_gets_the_answer_of_peft_itself(method, kind):
    model = adapted(kind, method)
    with torch.no_grad():
        ours = alone(model)
        table = model.get_base_model().get_input_embeddings()
        del model.forward, table.forward
        torch.testing.assert_close(ours, alone(model), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_learnt_key_and_value_are_attended_to_as_a_cache_of_them_is(kind):
    """Prefix tuning is a cache that is there before the first token; GPT-2 rotates nothing."""
    model = adapted("gpt2", "prefix-tuning")
    with torch.no_grad():
        base = model.get_base_model()
        ours = model(input_ids=IDS[:1]).logits
        cache = model.get_prompt(1)
        token_table = base.get_input_embeddings()
        del token_table.forward
        for module in base.modules():
            module._forward_hooks.clear()
        theirs = base(input_ids=IDS[:1], cache=cache).logits
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_keys_and_values_that_cannot_be_told_are_refused():
    model = tiny_model()
    for layer in model.bert.encoder.layer:
        layer.attention.self = torch.nn.Identity()
    with pytest.raises(RecipeError, match=r"prefix tuning cannot tell keys and values.* 'bert'"):
        find_method("prefix-tuning").apply(model, Recipe(method="prefix-tuning"))


@pytest.mark.parametrize("method", METHODS)
def test_noise_on_virtual_tokens_is_refused(method):
    with pytest.raises(RecipeError, match="no noise on the virtual tokens of"):
        find_method(method).check(Recipe(method=method, neftune_noise_alpha=5))
