import warnings

import pytest
import torch
from peft import PeftModel

from nbtune.errors import RecipeError
from nbtune.methods import find_method, head_modules, method_names
from nbtune.recipe import Recipe
from nbtune.testing import check_method, tiny_model

KINDS = ["bert", "roberta", "distilbert", "electra", "gpt2", "llama"]
HEADS = {
    "bert": ["bert.pooler", "classifier"],
    "roberta": ["classifier"],
    "distilbert": ["pre_classifier", "classifier"],
    "electra": ["classifier"],
    "gpt2": ["score"],
    "llama": ["score"],
}
INPUTS = {"input_ids": torch.arange(4, 16).reshape(2, 6)}


def apply(method, model, **settings):
    return find_method(method).apply(model, Recipe(method=method, **settings))


def trained(model) -> dict[str, torch.Tensor]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def step(model) -> None:
    """Move all free weights a little."""
    for seed, parameter in enumerate(trained(model).values()):
        chance = torch.Generator().manual_seed(seed)
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=chance)


@pytest.mark.parametrize("name", method_names())
def test_every_method_trains_a_head(name):
    check_method(find_method(name))


def test_an_unknown_method_gets_the_nearest():
    with pytest.raises(RecipeError) as caught:
        find_method("lorra")
    assert str(caught.value) == "there is no method 'lorra'\n  did you mean 'lora'?"


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_is_all_that_stands_on_the_token_states(kind):
    assert head_modules(tiny_model(kind)) == HEADS[kind]


# full


@pytest.mark.parametrize("kind", KINDS)
def test_full_trains_every_weight(kind):
    model = tiny_model(kind)
    model.requires_grad_(False)
    assert len(trained(apply("full", model))) == len(list(model.parameters()))


# head


@pytest.mark.parametrize("kind", KINDS)
def test_head_trains_the_head_and_nothing_below(kind):
    model = apply("head", tiny_model(kind))
    parts = {name for name in HEADS[kind] if any(n.startswith(f"{name}.") for n in trained(model))}
    assert parts == set(HEADS[kind])
    assert all(name.startswith(tuple(HEADS[kind])) for name in trained(model))


# lora


@pytest.mark.parametrize("kind", KINDS)
def test_lora_starts_at_the_plain_model(kind):
    plain, model = tiny_model(kind).eval(), apply("lora", tiny_model(kind)).eval()
    with torch.no_grad():
        torch.testing.assert_close(model(**INPUTS).logits, plain(**INPUTS).logits)


@pytest.mark.parametrize("kind", KINDS)
def test_lora_trains_adapters_on_every_linear_layer_below_the_whole_head(kind):
    model = apply("lora", tiny_model(kind))
    below = {name.split(".lora_")[0] for name in trained(model) if ".lora_" in name}
    linear = {
        f"base_model.model.{name}"
        for name, part in tiny_model(kind).named_modules()
        if type(part).__name__ in ("Linear", "Conv1D") and not name.startswith(tuple(HEADS[kind]))
    }
    assert below == linear
    whole = [name for name in trained(model) if ".lora_" not in name]
    assert len(whole) == sum(
        name.startswith(tuple(HEADS[kind])) for name, _ in tiny_model(kind).named_parameters()
    )


def test_lora_has_two_small_matrices_a_layer():
    model = apply("lora", tiny_model(), lora={"r": 3, "target_modules": ["query"]})
    shapes = [tuple(p.shape) for name, p in trained(model).items() if ".lora_" in name]
    assert shapes == [(3, 32), (32, 3)] * 2


@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama"])
@pytest.mark.parametrize("settings", [{}, {"use_dora": True}, {"use_rslora": True}])
def test_a_saved_adapter_gives_the_same_answers(kind, settings, tmp_path):
    model = apply("lora", tiny_model(kind), lora=settings)
    step(model)
    model.eval().save_pretrained(tmp_path)
    again = PeftModel.from_pretrained(tiny_model(kind), tmp_path).eval()
    with torch.no_grad():
        expected = model(**INPUTS).logits
        torch.testing.assert_close(again(**INPUTS).logits, expected)
        merged = again.merge_and_unload()
        torch.testing.assert_close(merged(**INPUTS).logits, expected, atol=1e-5, rtol=1e-4)
        assert not torch.allclose(tiny_model(kind).eval()(**INPUTS).logits, expected)


@pytest.mark.parametrize("wanted", ["attention.self.query", "query"])
def test_layers_are_named_by_the_end_of_their_path(wanted):
    model = apply("lora", tiny_model(), lora={"target_modules": [wanted]})
    adapted = {name.split(".lora_")[0] for name in trained(model) if ".lora_" in name}
    assert adapted == {
        f"base_model.model.bert.encoder.layer.{i}.attention.self.query" for i in (0, 1)
    }


def test_a_name_found_in_the_head_as_well_adapts_only_what_is_below():
    """RoBERTa's head has a layer ``dense``, and so have its blocks."""
    model = apply("lora", tiny_model("roberta"), lora={"target_modules": ["dense"]})
    adapted = [name for name in trained(model) if ".lora_" in name]
    assert len(adapted) == 2 * 2 * 3
    assert all(".encoder.layer." in name for name in adapted)


def test_layers_that_are_not_there_are_named_with_the_nearest():
    with pytest.raises(RecipeError) as caught:
        apply("lora", tiny_model(), lora={"target_modules": ["qery", "query", "zzz"]})
    assert str(caught.value) == (
        "lora.target_modules: the model has no layer 'qery', 'zzz'\n  did you mean 'query'?"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_lora_says_nothing(kind, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        apply("lora", tiny_model(kind))
    assert capfd.readouterr() == ("", "")
