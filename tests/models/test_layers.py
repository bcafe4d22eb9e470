import pytest

from nbtune.methods import find_method, head_modules
from nbtune.models.layers import layer_depths, unwrapped
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model

# Of two layers each: where the embeddings, the layers and what follows them are called what.
NAMES = {
    "bert": ("bert.embeddings", "bert.encoder.layer", "bert.pooler"),
    "distilbert": ("distilbert.embeddings", "distilbert.transformer.layer", "pre_classifier"),
    "roberta": ("roberta.embeddings", "roberta.encoder.layer", "classifier.dense"),
    "electra": ("electra.embeddings", "electra.encoder.layer", "classifier.out_proj"),
    "gpt2": ("transformer.wpe", "transformer.h", "score"),
    "llama": ("model.embed_tokens", "model.layers", "score"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_depths_rise_from_the_embeddings_to_the_head(kind):
    model = tiny_model(kind)
    depths = layer_depths(model, head_modules(model))
    assert set(depths) == set(model.parameters())
    below, layers, head = NAMES[kind]
    for part, depth in {below: 0, f"{layers}.0": 1, f"{layers}.1": 2, head: 3}.items():
        assert {depths[weight] for weight in model.get_submodule(part).parameters()} == {depth}


@pytest.mark.parametrize(("kind", "norm"), [("gpt2", "transformer.ln_f"), ("llama", "model.norm")])
def test_a_final_norm_belongs_to_the_top_layer(kind, norm):
    model = tiny_model(kind)
    depths = layer_depths(model, head_modules(model))
    assert {depths[weight] for weight in model.get_submodule(norm).parameters()} == {2}


def test_adapters_lie_as_deep_as_what_they_adapt():
    model = find_method("lora").apply(tiny_model(), Recipe(method="lora"))
    depths = layer_depths(model, head_modules(unwrapped(model)))
    found = {name: depths[w] for name, w in model.named_parameters() if w.requires_grad}
    expected = {"layer.0.": 1, "layer.1.": 2, "pooler": 3, "classifier": 3}
    assert found
    assert all(
        depth == next(d for n, d in expected.items() if n in name) for name, depth in found.items()
    )
