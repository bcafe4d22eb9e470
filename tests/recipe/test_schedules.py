import math
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import get_scheduler
from transformers.trainer_utils import SchedulerType

from nbtune.errors import RecipeError
from nbtune.recipe import Recipe, compose, from_yaml, overrides, to_yaml, yaml_layer
from nbtune.recipe.schedules import SCHEDULES, At, check_rate, rate_factor

TOTAL = 23
CASES = [
    ("linear", {}),
    ("cosine", {}),
    ("cosine", {"num_cycles": 1.25}),
    ("cosine_with_restarts", {}),
    ("cosine_with_restarts", {"num_cycles": 3}),
    ("cosine_with_min_lr", {"min_lr": 1e-4}),
    ("cosine_with_min_lr", {"min_lr_rate": 0.2, "num_cycles": 1.5}),
    ("cosine_warmup_with_min_lr", {"min_lr_rate": 0.1}),
    ("cosine_warmup_with_min_lr", {"min_lr": 1e-4, "warmup_lr_rate": 0.3}),
    ("polynomial", {}),
    ("polynomial", {"power": 2.0, "lr_end": 1e-4}),
    ("constant", {}),
    ("constant_with_warmup", {}),
    ("inverse_sqrt", {}),
    ("inverse_sqrt", {"timescale": 5}),
    ("warmup_stable_decay", {"num_decay_steps": 6}),
    *(
        ("warmup_stable_decay", {"num_decay_steps": 6, "warmup_type": shape, "decay_type": shape})
        for shape in ("linear", "cosine", "1-sqrt")
    ),
    ("warmup_stable_decay", {"num_decay_steps": 4, "num_stable_steps": 3, "min_lr_ratio": 0.1}),
]


def optimizer(rate=1e-3):
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=rate)


def rates(scheduler, steps):
    """Return the rates of a scheduler of torch, step by step."""
    for _ in range(steps):
        yield scheduler.get_last_lr()[0]
        scheduler.optimizer.step()
        scheduler.step()


def close(value):
    return pytest.approx(value, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("warmup", [0, 1, 7])
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_rates_are_those_of_transformers_step_by_step(kind, options, warmup):
    theirs = get_scheduler(kind, optimizer(), warmup, TOTAL, options)
    for step, rate in enumerate(rates(theirs, TOTAL + 1)):
        found = rate_factor(kind, options, At(step, TOTAL, warmup, 1e-3))
        assert 1e-3 * found == close(rate)


@pytest.mark.parametrize("total", [1, 2, 3, 10, 23])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pct_start": 0.5, "anneal_strategy": "linear"},
        {"three_phase": True, "div_factor": 10.0, "final_div_factor": 100.0},
        {"pct_start": 0.0},
        {"pct_start": 1.0},
    ],
)
def test_one_cycle_is_that_of_torch(options, total):
    try:
        theirs = torch.optim.lr_scheduler.OneCycleLR(
            optimizer(), 1e-3, total_steps=total, cycle_momentum=False, **options
        )
        expected = list(rates(theirs, total))
    except ZeroDivisionError:  # torch does not end so short a phase
        expected = None
    found = [1e-3 * rate_factor("one_cycle", options, At(i, total)) for i in range(total + 3)]
    assert all(0 < rate <= 1e-3 for rate in found)
    if expected is not None:
        assert found[:total] == close(expected)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"patience": 0},
        {"patience": 2, "factor": 0.5, "cooldown": 1},
        {"patience": 1, "threshold": 0.3},
        {"patience": 1, "threshold": 0.3, "threshold_mode": "abs", "min_lr": 2e-4},
        {"patience": 0, "factor": 0.9, "eps": 2e-4},
    ],
)
@given(scores=st.lists(st.floats(-2, 2) | st.just(math.nan), max_size=12))
def test_the_plateau_is_that_of_torch(options, lower, scores):
    theirs = optimizer()
    mode = "min" if lower else "max"
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, mode=mode, **options)
    for score in scores:
        scheduler.step(score)
    seen = [None if math.isnan(score) else score for score in scores]
    at = At(99, 100, rate=1e-3, scores=seen, lower_is_better=lower)
    found = rate_factor("reduce_lr_on_plateau", options, at)
    assert 1e-3 * found == close(theirs.param_groups[0]["lr"])


def test_a_warm_up_longer_than_the_run_only_rises():
    assert [rate_factor("cosine", {}, At(step, 2, 4)) for step in range(2)] == [0, 0.25]


def test_the_decay_of_warmup_stable_decay_may_be_a_share():
    factors = [rate_factor("warmup_stable_decay", {}, At(step, 20, 2)) for step in range(21)]
    assert factors[:3] == [0, 0.5, 1]
    assert factors[2:19] == [1] * 17, "falls over the last tenth"
    assert factors[19] == pytest.approx(0.5)
    assert factors[20] == 0


@given(
    st.sampled_from(sorted(SCHEDULES)), st.integers(0, 30), st.integers(1, 20), st.integers(0, 25)
)
def test_no_rate_is_negative_or_above_the_highest(kind, step, total, warmup):
    assert 0 <= rate_factor(kind, {}, At(step, total, warmup, 1e-3)) <= 1 + 1e-12


def test_every_schedule_of_transformers_is_known_but_the_greedy_one():
    choices = set(get_args(Recipe.model_fields["lr_scheduler_type"].annotation))
    assert choices == set(SCHEDULES)
    assert {kind.value for kind in SchedulerType} - choices == {"greedy"}


def test_options_are_read_from_a_cell_and_from_the_line():
    text = "lr_scheduler_type: cosine_with_restarts\nlr_scheduler_kwargs:\n  num_cycles: 3\n"
    pairs = ["lr_scheduler_type=cosine_with_restarts", "lr_scheduler_kwargs.num_cycles=3"]
    braces = [pairs[0], "lr_scheduler_kwargs={num_cycles: 3}"]
    for resolved in (
        compose(yaml_layer(text)),
        compose(overrides(pairs)),
        compose(overrides(braces)),
    ):
        assert resolved.recipe.lr_scheduler_kwargs == {"num_cycles": 3}
        assert resolved.rows()[-1][0].startswith("lr_scheduler_kwargs")
        assert from_yaml(to_yaml(resolved.recipe)) == resolved.recipe


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{num_cycle: 2}", "cosine knows no 'num_cycle': did you mean 'num_cycles'?"),
        ("{num_cycles: many}", "num_cycles is 'many': input should be a valid number"),
        ("{num_cycles: 0}", "num_cycles is 0: input should be greater than 0"),
        ("3", "input should be a valid dictionary"),
    ],
)
def test_options_that_cannot_be_are_refused_with_their_line(text, problem):
    with pytest.raises(RecipeError) as caught:
        from_yaml(f"lr_scheduler_type: cosine\nlr_scheduler_kwargs: {text}\n")
    assert caught.value.problem.startswith("recipe line 2: lr_scheduler_kwargs is")
    assert problem in caught.value.problem


def test_a_schedule_without_options_says_so():
    with pytest.raises(RecipeError, match="linear knows no 'power': it has no options"):
        from_yaml("lr_scheduler_kwargs: {power: 2}")


def test_a_plateau_needs_evaluations():
    with pytest.raises(RecipeError, match="reduce_lr_on_plateau needs an eval_strategy"):
        from_yaml("lr_scheduler_type: reduce_lr_on_plateau\neval_strategy: 'no'\n")


@pytest.mark.parametrize(
    ("kind", "options"), [("polynomial", {"lr_end": 1e-3}), ("cosine_with_min_lr", {"min_lr": 1})]
)
def test_a_lowest_rate_above_the_highest_is_refused(kind, options):
    with pytest.raises(ValueError, match="is not below the learning rate"):
        check_rate(kind, options, 1e-3)
