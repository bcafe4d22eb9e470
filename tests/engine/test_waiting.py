"""On a GPU a step that asks for a number waits for all before it, so none may."""

from dataclasses import replace

import pytest

from nbtune.recipe import Recipe
from nbtune.tasks import find_task
from nbtune.testing import encode, tiny_model, tiny_tokenizer, topic_rows
from nbtune.testing.devices import check_step_elsewhere


@pytest.fixture(scope="module")
def rows():
    return encode(topic_rows(12), tiny_tokenizer())


def loss_of(recipe, rows):
    return find_task("text-classification").loss(recipe, rows.targets, 3)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optim": "adam"},
        {"neftune_noise_alpha": 5.0},
        {"class_weight": "balanced", "label_smoothing_factor": 0.1},
        {"focal_gamma": 2.0},
        {"attention_dropout": 0.1},
        {"layerwise_lr_decay": 0.8, "head_learning_rate": 3e-3},
    ],
    ids=lambda settings: ", ".join(settings) or "usual",
)
def test_no_step_waits_for_the_device(rows, settings):
    recipe = Recipe(**settings)
    check_step_elsewhere(tiny_model(), rows, loss_of(recipe, rows), recipe)


@pytest.mark.parametrize("kind", ["bert", "modernbert", "gpt2", "llama", "deberta-v2"])
def test_none_waits_with_any_of_these_models(rows, kind):
    recipe = Recipe()
    check_step_elsewhere(tiny_model(kind), rows, loss_of(recipe, rows), recipe)


@pytest.mark.parametrize(
    "asking",
    [lambda logits: float(logits.sum()), lambda logits: logits[logits > 0].sum()],
    ids=["a number", "places"],
)
def test_one_that_does_is_found(rows, asking):
    loss = loss_of(Recipe(), rows)
    asks = replace(loss, sum=lambda logits, wanted: loss.sum(logits, wanted) + asking(logits))
    with pytest.raises(AssertionError, match="waits for the device"):
        check_step_elsewhere(tiny_model(), rows, asks, Recipe())
