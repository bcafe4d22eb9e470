"""Stopped anywhere, as often as may be, with any method: the same bits in the end."""

import os

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbtune.events import StepsDone
from nbtune.methods import find_method, method_names
from nbtune.testing import tiny_model

recipes = st.fixed_dictionaries(
    {
        "per_device_train_batch_size": st.sampled_from([4, 7, 16]),
        "gradient_accumulation_steps": st.integers(1, 3),
        "optim": st.sampled_from(["adamw_torch_fused", "adamw_torch", "sgd"]),
        "lr_scheduler_type": st.sampled_from(["linear", "cosine", "constant"]),
        "batching": st.sampled_from(["packed", "padded"]),
        "attention_dropout": st.sampled_from([0.0, 0.1]),
        "eval_steps": st.integers(1, 5),
        "max_steps": st.integers(2, 7),
        "seed": st.integers(0, 9),
    }
)


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)


def begun(work):
    """Forget what a new process would not have, and begin with the same weights again."""
    torch.manual_seed(work.recipe.seed)
    work.model = find_method(work.recipe.method).apply(tiny_model(), work.recipe)
    torch.manual_seed(999)
    return work


def stopping(work, stops):
    def stop(event):
        if isinstance(event, StepsDone) and event.step in stops:
            work.control.stop()

    return stop


@pytest.mark.parametrize("method", sorted(method_names()))
@settings(
    max_examples=int(os.environ.get("NBTUNE_EXAMPLES", "2")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(recipe=recipes, stops=st.sets(st.integers(1, 6), min_size=1, max_size=3))
def test_a_run_cut_at_any_steps_equals_the_run_that_nothing_cut(lab, method, recipe, stops):
    whole, cut = (lab(method=method, **recipe) for _ in range(2))
    expected = begun(whole).train().stopped
    found = begun(cut).train(listen=stopping(cut, stops)).stopped
    while found.reason == "interrupted":
        stops = stops - {found.step}
        found = begun(cut).train(resume=True, listen=stopping(cut, stops)).stopped
    assert (found.reason, found.step, found.best_step) == (
        expected.reason,
        expected.step,
        expected.best_step,
    )
    ours, theirs = cut.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert {e.step: e.loss for e in cut.told(StepsDone)} == {
        e.step: e.loss for e in whole.told(StepsDone)
    }
