import pytest

from nbtune.jobs.choosing import advice, fill_in
from nbtune.models.sources import find_model
from nbtune.recipe import Recipe

MODEL = "scratch-transformer"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ""),
        ({"method": "head"}, "as they were drawn at random"),
        ({"freeze": 1}, "as they were drawn at random"),
        ({"lr_scheduler_type": "constant", "warmup_steps": 5}, "has no warm-up"),
        ({"train_sampling_strategy": "group_by_length"}, "no padding to save"),
        (
            {"train_sampling_strategy": "group_by_length", "batching": "padded"},
            "is no random draw",
        ),
    ],
)
def test_what_hardly_works_as_meant_is_said(settings, words):
    told = advice(Recipe(model=MODEL, **settings), find_model(MODEL))
    assert words in told
    assert bool(told) == bool(words)


def test_a_chosen_rate_is_written_into_the_recipe():
    source = find_model(MODEL)
    chosen = fill_in(Recipe(model=MODEL), source).learning_rate
    assert chosen == source.learning_rate
    assert fill_in(Recipe(model=MODEL, optim="sgd"), source).learning_rate > chosen
    assert fill_in(Recipe(model=MODEL, learning_rate=0.5), source).learning_rate == 0.5
