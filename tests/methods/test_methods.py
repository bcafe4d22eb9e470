import importlib.util
import sys
import warnings

import pytest
import torch
from peft import PeftModel

from nbtune.engine.optimizing import make_optimizer
from nbtune.errors import RecipeError
from nbtune.methods import Method, find_method, head_modules, method_names
from nbtune.methods.adapters import merged
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
def test_every_method_keeps_what_a_method_must_keep(name):
    check_method(find_method(name), num_virtual_tokens=3)


VARIANTS = {
    "rsLoRA": ("lora", {"lora": {"use_rslora": True}}),
    "DoRA": ("lora", {"lora": {"use_dora": True, "lora_dropout": 0.1}}),
    "LoRA+": ("lora", {"lora": {"loraplus_lr_ratio": 16}}),
    "8 bits": ("qlora", {"bits": 8}),
    "frozen layers": ("full", {"freeze": 1}),
    "adapters above frozen layers": ("lora", {"freeze": 1}),
    "gradual unfreezing": ("full", {"gradual_unfreezing": 1 / 3}),
    "gradual unfreezing of adapters": ("lora", {"gradual_unfreezing": 1 / 3}),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_keeps_it_as_well(variant):
    name, settings = VARIANTS[variant]
    check_method(find_method(name), **settings)


def without_head(model, recipe):
    model.requires_grad_(True)
    model.get_submodule(head_modules(model)[-1]).requires_grad_(False)
    return model


def untrained(model, recipe):
    """Move a weight behind the back of the optimiser."""
    model.requires_grad_(False)
    for name in head_modules(model):
        model.get_submodule(name).requires_grad_(True)

    def move(layer, *_):
        layer.bias.data += 0.1

    model.bert.embeddings.LayerNorm.register_forward_hook(move)
    return model


def drawn_anew(model, folder, recipe):
    adapted = find_method("lora").load(model, folder, recipe)
    for name, weight in adapted.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(weight)
    return adapted


def counting(model, recipe):
    """Scale the answers in training by a number that no checkpoint knows."""
    calls = []

    def scale(model, inputs, output):
        if model.training:
            calls.append(None)
            output.logits = output.logits * (1 + 0.1 * len(calls))

    model.register_forward_hook(scale)
    return model


BROKEN = {
    "does not train the head: classifier.weight is frozen": {"apply": without_head},
    "moves bert.embeddings.LayerNorm.bias, which it does not train": {"apply": untrained},
    "gives other answers when it was saved and loaded": {
        "apply": find_method("lora").apply,
        "load": drawn_anew,
    },
    "is not taken up exactly in the middle of an epoch": {"apply": counting},
    "no usual learning rate": {"apply": find_method("full").apply, "learning_rate": 0.0},
}


@pytest.mark.parametrize("complaint", BROKEN)
def test_a_method_that_does_not_keep_it_is_told_why(complaint):
    broken = Method(**{"name": "mine", "summary": "", "learning_rate": 1e-3, **BROKEN[complaint]})
    with pytest.raises(AssertionError, match=complaint):
        check_method(broken, kinds=("bert",))


def test_a_method_that_refuses_every_kind_is_told_so():
    with pytest.raises(AssertionError, match=r"bitfit works with none of these.*trains biases"):
        check_method(find_method("bitfit"), kinds=("llama",))


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
@pytest.mark.parametrize("name", ["lora", "ia3", "prompt-tuning", "p-tuning", "prefix-tuning"])
def test_adapters_say_nothing(name, kind, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        apply(name, tiny_model(kind))
    assert capfd.readouterr() == ("", "")


def test_lora_plus_gives_b_a_higher_rate():
    model = apply("lora", tiny_model(), lora={"loraplus_lr_ratio": 16})
    recipe = Recipe(method="lora", lora={"loraplus_lr_ratio": 16})
    names = {weight: name for name, weight in model.named_parameters()}
    groups = make_optimizer(model, recipe, 1e-3).param_groups
    rates = {names[weight]: group["lr"] for group in groups for weight in group["params"]}
    assert {rate for name, rate in rates.items() if ".lora_B." in name} == {16e-3}
    assert {rate for name, rate in rates.items() if ".lora_B." not in name} == {1e-3}


# merging


@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lora", {}),
        ("lora", {"use_rslora": True}),
        ("lora", {"use_dora": True}),
        ("ia3", {}),
    ],
)
def test_merged_and_unmerged_give_the_same_answers(name, settings, kind):
    model = apply(name, tiny_model(kind), lora=settings)
    step(model)
    model.eval()
    with torch.no_grad():
        expected = model(**INPUTS).logits
        model.merge_adapter()
        together = model(**INPUTS).logits
        model.unmerge_adapter()
        apart = model(**INPUTS).logits
        plain = merged(model)
        assert plain.state_dict().keys() == tiny_model(kind).state_dict().keys()
        exported = plain(**INPUTS).logits
    for found in (together, apart, exported):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


# ia3


def test_ia3_starts_at_the_plain_model_and_is_not_decayed_to_nothing():
    plain, model = tiny_model().eval(), apply("ia3", tiny_model()).eval()
    with torch.no_grad():
        torch.testing.assert_close(model(**INPUTS).logits, plain(**INPUTS).logits)
    groups = make_optimizer(model, Recipe(method="ia3", weight_decay=0.1), 1e-3).param_groups
    decayed = {weight for g in groups for weight in g["params"] if g["weight_decay"]}
    assert not [n for n, w in model.named_parameters() if ".ia3_l." in n and w in decayed]


def test_ia3_refuses_models_whose_layers_nobody_has_named():
    model = tiny_model()
    model.config.model_type = "unheard"
    with pytest.raises(RecipeError, match=r"ia3 does not know .* of the kind 'unheard'"):
        apply("ia3", model)


# bitfit


def test_bitfit_trains_biases_and_the_head():
    names = trained(apply("bitfit", tiny_model()))
    below = [name for name in names if not name.startswith(tuple(HEADS["bert"]))]
    assert len(below) == 2 * 8 + 1
    assert all(name.endswith(".bias") for name in below)


# what is missing


@pytest.mark.parametrize("name", ["lora", "ia3", "prompt-tuning", "p-tuning", "prefix-tuning"])
def test_without_peft_a_method_says_what_to_install(name, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda p: None if p == "peft" else real(p))
    with pytest.raises(RecipeError) as caught:
        find_method(name).check(Recipe(method=name))
    assert str(caught.value) == (
        f"method {name} needs the package peft, which is not installed\n  pip install peft"
    )


@pytest.mark.parametrize("name", method_names())
def test_peft_is_not_imported_before_it_is_used(name):
    module = sys.modules[find_method(name).apply.__module__]
    assert "peft" not in vars(module)
