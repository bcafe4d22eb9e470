import math

import pytest
import torch
from transformers.optimization import Adafactor

from nbtune.engine.lion import Lion
from nbtune.engine.muon import Muon
from nbtune.engine.optimizing import make_optimizer, set_rate, warmup_steps
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model


@pytest.mark.parametrize(("setting", "steps"), [(0, 0), (0.06, 1), (0.5, 5), (1, 1), (3, 3)])
def test_warm_up_is_a_share_below_one_and_steps_above(setting, steps):
    assert warmup_steps(Recipe(warmup_steps=setting), 10) == steps


def test_biases_and_norms_are_not_decayed_and_nothing_is_left_out():
    model = tiny_model()
    names = {id(p): name for name, p in model.named_parameters()}
    decayed, plain = make_optimizer(model, Recipe(weight_decay=0.1), 1e-3).param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0)
    of_plain = {names[id(p)] for p in plain["params"]}
    assert all(name.endswith("bias") or "LayerNorm" in name for name in of_plain)
    of_decayed = {names[id(p)] for p in decayed["params"]}
    assert not any(name.endswith("bias") or "LayerNorm" in name for name in of_decayed)
    assert of_plain | of_decayed == set(names.values())


def test_frozen_weights_are_not_optimised():
    model = tiny_model()
    model.bert.requires_grad_(False)
    groups = make_optimizer(model, Recipe(), 1e-3).param_groups
    assert sum(p.numel() for g in groups for p in g["params"]) == 3 * 32 + 3


@pytest.mark.parametrize(
    ("optim", "kind", "fused"),
    [
        ("adamw_torch_fused", torch.optim.AdamW, True),
        ("adamw_torch", torch.optim.AdamW, False),
        ("adam", torch.optim.Adam, True),
        ("sgd", torch.optim.SGD, None),
        ("adagrad", torch.optim.Adagrad, None),
        ("rmsprop", torch.optim.RMSprop, None),
        ("adafactor", Adafactor, None),
        ("lion", Lion, None),
        ("muon", Muon, None),
    ],
)
def test_the_recipe_names_the_optimiser(optim, kind, fused):
    recipe = Recipe(optim=optim, adam_beta1=0.8, adam_epsilon=1e-6)
    optimizer = make_optimizer(tiny_model(), recipe, 3e-4)
    assert type(optimizer) is kind
    assert optimizer.defaults.get("fused") in (fused, None)
    assert optimizer.defaults["lr"] == 3e-4
    if issubclass(kind, torch.optim.Adam):
        assert optimizer.defaults["betas"] == (0.8, 0.999)
        assert optimizer.defaults["eps"] == 1e-6


@pytest.mark.parametrize(("optim", "decay"), [("adamw_torch", 0.01), ("lion", 0.01), ("adam", 0)])
def test_decay_is_on_by_default_where_it_is_decoupled(optim, decay):
    assert (
        make_optimizer(tiny_model(), Recipe(optim=optim), 1.0).param_groups[0]["weight_decay"]
        == decay
    )
    chosen = make_optimizer(tiny_model(), Recipe(optim=optim, weight_decay=0.1), 1.0)
    assert chosen.param_groups[0]["weight_decay"] == 0.1


def test_the_rate_is_set_for_all_groups():
    optimizer = make_optimizer(tiny_model(), Recipe(), 1.0)
    set_rate(optimizer, 0.25)
    assert {group["lr"] for group in optimizer.param_groups} == {0.25}
    assert math.isclose(optimizer.param_groups[0]["weight_decay"], 0.01)


def rates(model, **settings):
    """Return the rates by the name of the weight at a base rate of 1e-3."""
    groups = make_optimizer(model, Recipe(**settings), 1e-3).param_groups
    names = {weight: name for name, weight in model.named_parameters()}
    return {names[weight]: group["lr"] for group in groups for weight in group["params"]}


def test_each_layer_has_a_share_of_the_rate_of_the_one_above():
    found = rates(tiny_model(), layerwise_lr_decay=0.5)
    assert found["classifier.weight"] == found["bert.pooler.dense.bias"] == 1e-3
    assert found["bert.encoder.layer.1.output.dense.weight"] == 0.5e-3
    assert found["bert.encoder.layer.0.output.LayerNorm.weight"] == 0.25e-3
    assert found["bert.embeddings.word_embeddings.weight"] == 0.125e-3


def test_the_head_may_have_a_rate_of_its_own_which_follows_the_schedule():
    model = tiny_model()
    found = rates(model, head_learning_rate=5e-3)
    heads = ("classifier", "bert.pooler")
    assert all(math.isclose(r, 5e-3 if n.startswith(heads) else 1e-3) for n, r in found.items())
    optimizer = make_optimizer(model, Recipe(head_learning_rate=5e-3), 1e-3)
    set_rate(optimizer, 0.5e-3)
    assert {group["lr"] for group in optimizer.param_groups} == {0.5e-3, 2.5e-3}


def test_there_are_two_groups_for_each_rate_at_most():
    recipe = Recipe(layerwise_lr_decay=0.9, head_learning_rate=1e-2)
    groups = make_optimizer(tiny_model(), recipe, 1e-3).param_groups
    assert len(groups) == 2 * 4  # head, two layers, embeddings
    decayed = [group["weight_decay"] > 0 for group in groups]
    assert decayed == sorted(decayed, reverse=True), "as older checkpoints count them"
