import pytest
import torch

from nbtune.errors import RecipeError
from nbtune.methods import find_method
from nbtune.methods.freezing import freeze, gradual_unfreezing, held_still
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model

LOWEST = {
    "bert": ("bert.embeddings.", "bert.encoder.layer.0."),
    "roberta": ("roberta.embeddings.", "roberta.encoder.layer.0."),
    "distilbert": ("distilbert.embeddings.", "distilbert.transformer.layer.0."),
    "electra": ("electra.embeddings.", "electra.embeddings_project.", "electra.encoder.layer.0."),
    "gpt2": ("transformer.wte.", "transformer.wpe.", "transformer.h.0."),
    "llama": ("model.embed_tokens.", "model.layers.0."),
}


def prepared(kind="bert", method="full", **settings):
    recipe = Recipe(model=f"tiny {kind}", method=method, **settings)
    model = find_method(method).apply(tiny_model(kind), recipe)
    freeze(model, recipe)
    return model, recipe


def names_of(model, weights):
    names = {weight: name for name, weight in model.named_parameters()}
    return {names[weight] for weight in weights}


@pytest.mark.parametrize("kind", LOWEST)
def test_embeddings_and_the_lowest_layers_are_frozen_and_nothing_else(kind):
    model, _ = prepared(kind, freeze=1)
    for name, weight in model.named_parameters():
        assert weight.requires_grad != name.startswith(LOWEST[kind]), name


def test_freeze_0_freezes_the_embeddings_alone():
    model, _ = prepared(freeze=0)
    frozen = [name for name, weight in model.named_parameters() if not weight.requires_grad]
    assert frozen
    assert all(name.startswith("bert.embeddings.") for name in frozen)


def test_more_layers_than_there_are_cannot_be_frozen():
    with pytest.raises(RecipeError) as caught:
        prepared(freeze=3)
    assert str(caught.value) == (
        "freeze: 3 layers are more than the 2 of tiny bert\n"
        "  freeze 2 or fewer; method: head trains the head alone"
    )


def test_frozen_layers_get_no_adapters():
    model, _ = prepared(method="lora", freeze=1)
    adapted = [name for name, _ in model.named_parameters() if ".lora_" in name]
    assert adapted
    assert all(".layer.1." in name for name in adapted)


def test_without_a_free_layer_there_is_no_place_for_adapters():
    with pytest.raises(RecipeError, match="lora finds no linear layer in tiny bert that is not"):
        prepared(method="lora", freeze=2)


@pytest.mark.parametrize("kind", LOWEST)
def test_layers_are_unfrozen_from_the_top_down_one_each_time(kind):
    model, recipe = prepared(kind, gradual_unfreezing=0.5)
    waiting = gradual_unfreezing(model, recipe)
    waits = [names_of(model, waiting(epoch)) for epoch in (0, 0.4, 0.5, 1.0, 1.4, 1.5, 9)]
    lowest = {name for name in dict(model.named_parameters()) if name.startswith(LOWEST[kind])}
    assert waits[0] == waits[1] > waits[2] == lowest
    assert waits[2] > waits[3] == waits[4] > waits[5] == waits[6] == set()
    assert not any(".layer" in name or ".h." in name for name in waits[3]), "embeddings are last"


def test_what_is_frozen_is_never_unfrozen():
    model, recipe = prepared(freeze=1, gradual_unfreezing=1)
    waits = names_of(model, gradual_unfreezing(model, recipe)(0))
    assert waits
    assert all(name.startswith("bert.encoder.layer.1.") for name in waits)


def test_weights_are_free_again_even_after_an_error():
    weights = [torch.nn.Parameter(torch.ones(1))]

    def fail():
        assert not weights[0].requires_grad
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), held_still(weights):
        fail()
    assert weights[0].requires_grad
