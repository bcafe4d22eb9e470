"""Numbers that are not finite, and losses that jump: named, and never kept."""

import math

import pytest
import torch

from nbtune.engine.loop import DivergedError
from nbtune.events import CheckpointSaved, Notice, StepsDone


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)


def times(training, factors):
    """Multiply the loss of some steps; gradients follow."""
    real, calls = training.stepper.loss, iter(range(100_000))

    def changed(logits, wanted):
        return real.sum(logits, wanted) * factors.get(next(calls), 1.0)

    training.stepper.loss = type(real)(changed, real.count)
    return training


def told(work):
    return [event.text for event in work.told(Notice)]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_bad_loss_is_named_with_the_rows_of_the_users_data(lab, bad):
    work = lab()
    training = times(work.training(), {1: bad})
    object.__setattr__(training.job, "source_rows", lambda rows: [1000 + row for row in rows])
    steps = training._rows_from_here()
    next(steps)
    rows = ", ".join(str(1000 + row) for row in next(steps)[:8])
    assert training.run().stopped.reason == "finished"
    assert told(work) == [
        f"step 2 was left out: its loss is not finite (rows {rows} ... of the data)"
    ]


def test_a_bad_gradient_is_called_so(lab):
    work = lab()
    training = work.training()
    real, calls = training.stepper._gradients, iter(range(100))

    def gradients(*args):
        seen = real(*args)
        if next(calls) == 2:
            training.stepper.parameters[0].grad[0, 0] = math.inf
        return seen

    training.stepper._gradients = gradients
    training.run()
    assert told(work)[0].startswith("step 3 was left out: its gradient is not finite (rows ")


@pytest.mark.parametrize("evaluated", [{"eval_steps": 2}, {"eval_strategy": "no"}])
def test_weights_that_overflow_are_never_saved_and_the_last_good_ones_are_put_back(lab, evaluated):
    work = lab(num_train_epochs=4, save_interval_seconds=1e-9, **evaluated)

    def overflow(event):
        if isinstance(event, StepsDone) and event.step == 5:
            with torch.no_grad():
                next(work.model.parameters())[0, 0] = math.inf

    outcome = work.train(listen=overflow)
    assert isinstance(outcome.failure, DivergedError)
    assert outcome.stopped.reason == "failed"
    assert outcome.stopped.best_step in (2, 4)
    assert work.told(CheckpointSaved)[-1].step == 4
    assert all(torch.isfinite(p).all() for p in work.model.parameters())
    work.model = None
    assert work.train(resume=True).stopped.reason == "finished"


def test_weights_that_overflow_in_the_last_step_do_not_finish_a_run(lab):
    work = lab(num_train_epochs=2, eval_strategy="no")

    def overflow(event):
        if isinstance(event, StepsDone) and event.step == 6:
            with torch.no_grad():
                next(work.model.parameters())[0, 0] = math.nan

    outcome = work.train(listen=overflow)
    assert outcome.stopped.reason == "failed"
    assert outcome.stopped.best_step is None, "nothing was saved, so nothing is kept"


def test_a_loss_that_jumps_is_told_with_its_rows_and_training_goes_on(lab):
    work = lab(num_train_epochs=30, eval_strategy="no")
    outcome = times(work.training(), {70: 40.0}).run()
    assert outcome.stopped.reason == "finished"
    (notice,) = told(work)
    assert notice.startswith("the loss of step 71 is ")
    assert "after about" in notice
    assert "(rows " in notice
