import pytest

from nbtune.methods import find_method
from nbtune.methods.counting import count_parameters
from nbtune.methods.freezing import freeze
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model


def rows(kind="bert", method="full", **settings):
    recipe = Recipe(method=method, **settings)
    model = find_method(method).apply(tiny_model(kind), recipe)
    freeze(model, recipe)
    table = count_parameters(model)
    return {part.part: (part.what, part.trainable, part.parameters) for part in table.parts}


WIDTH, INNER = 32, 64
LAYER = 4 * (WIDTH * WIDTH + WIDTH) + 2 * WIDTH * INNER + INNER + WIDTH + 4 * WIDTH
HEAD = (WIDTH * WIDTH + WIDTH) + 3 * WIDTH + 3


def test_everything_is_counted_once():
    found = rows()
    assert found["layers 1–2"] == ("all", 2 * LAYER, 2 * LAYER)
    assert found["head"] == ("all", HEAD, HEAD)
    total = sum(weight.numel() for weight in tiny_model().parameters())
    assert sum(parameters for _, _, parameters in found.values()) == total


def test_layers_in_which_other_things_are_trained_stand_apart():
    found = rows(freeze=1)
    assert list(found) == ["embeddings", "layer 1", "layer 2", "head"]
    assert found["layer 1"] == ("", 0, LAYER)
    assert found["layer 2"] == ("all", LAYER, LAYER)


def test_adapters_are_named_and_the_head_is_not_counted_twice():
    """Rank 2 on six linear layers a layer: 2 x (inputs + outputs) of each."""
    found = rows(method="lora", lora={"r": 2})
    adapters = 2 * (4 * (WIDTH + WIDTH) + 2 * (WIDTH + INNER))
    assert found["layers 1–2"] == ("lora_A, lora_B", 2 * adapters, 2 * (LAYER + adapters))
    assert found["head"] == ("all", HEAD, HEAD)


def test_what_stands_before_the_rows_has_a_row_of_its_own():
    found = rows(method="prompt-tuning", num_virtual_tokens=5)
    assert found["prompt encoder"] == ("all", 5 * WIDTH, 5 * WIDTH)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "electra", "gpt2", "llama"])
def test_only_the_head_is_trained_with_method_head(kind):
    found = rows(kind, method="head")
    assert [part for part, (_, trained, _) in found.items() if trained] == ["head"]


@pytest.mark.parametrize("method", ["full", "head", "lora"])
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_norm_after_the_last_layer_does_not_set_it_apart(kind, method):
    found = rows(kind, method=method)
    assert list(found) == ["embeddings", "layers 1–2", "head"]
    model = find_method(method).apply(tiny_model(kind), Recipe(method=method))
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert sum(count for _, count, _ in found.values()) == trained
