"""Numbers that are not finite, and losses that jump: named, and never kept."""

import math

import pytest
import torch

from nbtune.engine.loop import TIMES_BACK, DivergedError
from nbtune.engine.spikes import LASTING
from nbtune.engine.state import all_finite
from nbtune.events import CheckpointSaved, Controlled, Notice, RunStarted, StepsDone, as_it_stands


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


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 7, -1])
def test_one_number_that_is_not_finite_is_found_among_many(bad, place):
    model = torch.nn.ParameterList([torch.ones(3, 5), torch.ones(0, 4)])
    assert all_finite(model)
    with torch.no_grad():
        model[0].view(-1)[place] = bad
    assert not all_finite(model)


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


def test_a_run_that_goes_on_knows_which_losses_were_usual(lab):
    work = lab(num_train_epochs=30, eval_strategy="no")

    def stop(event):
        if isinstance(event, StepsDone) and event.step == 60:
            work.control.stop("interrupted")

    work.train(listen=stop)
    times(work.training(), {10: 40.0}).run(resume=True)
    assert told(work)[-1].startswith("the loss of step 71 is ")


def test_a_run_that_goes_on_has_gone_back_as_often_as_before(lab):
    work = lab(num_train_epochs=4, eval_steps=4)
    times(work.training(), dict.fromkeys((5, 6, 7), math.nan)).run()
    work.recipe = work.recipe.model_copy(update={"num_train_epochs": 8})
    training = work.training(course=work.told(Controlled))
    outcome = times(training, dict.fromkeys(range(100), math.nan)).run(resume=True)
    assert isinstance(outcome.failure, DivergedError)
    assert len(rates(work)) == TIMES_BACK


def lost_from(work, step):
    """Break the weights once, so that no loss after this step is what it was."""
    broken = []

    def listen(event):
        if isinstance(event, StepsDone) and event.step == step and not broken:
            broken.append(step)
            with torch.no_grad():
                for weight in work.model.parameters():
                    weight.mul_(30)

    return listen


def rates(work):
    return [(e.step, e.value) for e in work.told(Controlled) if e.setting == "learning_rate"]


def test_a_run_that_diverges_goes_on_from_its_checkpoint_at_half_the_rate(lab):
    work = lab(num_train_epochs=4, eval_steps=4)
    training = times(work.training(), dict.fromkeys((5, 6, 7), math.nan))
    assert training.run().stopped.reason == "finished"
    assert [event.step for event in work.told(RunStarted)] == [0, 4]
    assert rates(work) == [(4, 5e-4)]
    assert told(work)[-1] == (
        "the loss diverged by step 8: going on from step 4 with a learning rate of 0.0005 "
        "instead of 0.001 (on_divergence: roll_back)"
    )
    assert work.told(StepsDone)[-1].learning_rate < 5e-4


def test_the_log_of_a_run_that_went_back_leads_to_the_same_weights(lab):
    work = lab(num_train_epochs=4, eval_steps=4)
    times(work.training(), dict.fromkeys((5, 6, 7), math.nan)).run()
    log = as_it_stands([(0.0, event) for event in work.events])
    again = lab(num_train_epochs=4, eval_steps=4)
    again.train(course=[event for _, event in log if isinstance(event, Controlled)])
    assert rates(again) == rates(work)
    for name, weight in work.weights().items():
        assert torch.equal(again.weights()[name], weight)


def test_a_loss_that_stays_far_above_its_beginning_is_a_divergence(lab):
    work = lab(num_train_epochs=40, eval_strategy="no")
    lose = lost_from(work, 80)

    def save_then_break(event):
        if isinstance(event, StepsDone) and event.step == 60:
            work.control.save()
        lose(event)

    assert work.train(listen=save_then_break).stopped.reason == "finished"
    assert [event.step for event in work.told(RunStarted)] == [0, 60]
    assert rates(work) == [(60, 5e-4)]
    assert f"the loss diverged by step {80 + LASTING}: going on from step 60" in told(work)[-1]
    assert work.told(StepsDone)[-1].loss < 0.5


def test_a_checkpoint_of_after_the_loss_was_lost_is_not_gone_back_to(lab):
    work = lab(num_train_epochs=40, eval_strategy="no")
    lose = lost_from(work, 80)

    def save_between(event):
        if isinstance(event, StepsDone) and event.step in (60, 84):
            work.control.save()
        lose(event)

    training = work.training(save_between)
    training.keeper.last.keep = 2
    assert training.run().stopped.reason == "finished"
    assert 84 in [event.step for event in work.told(CheckpointSaved)]
    assert [event.step for event in work.told(RunStarted)] == [0, 60]


def test_a_rate_that_was_too_high_at_once_starts_over_from_the_first_weights(lab):
    work = lab(num_train_epochs=30, eval_steps=10)
    training = times(work.training(), dict.fromkeys(range(8, 50), 40.0))
    assert training.run().stopped.reason == "finished"
    assert [event.step for event in work.told(RunStarted)] == [0, 0]
    assert rates(work) == [(0, 5e-4)]


@pytest.mark.parametrize(
    "how", [{"on_divergence": "stop"}, {"train_sampling_strategy": "sequential"}]
)
def test_a_high_loss_alone_ends_no_run(lab, how):
    """Who trains rows in their order may come to rows of another kind."""
    work = lab(num_train_epochs=40, eval_strategy="no", **how)
    assert work.train(listen=lost_from(work, 80)).stopped.reason == "finished"
    assert rates(work) == []
    assert told(work)[-1].startswith("the loss of step 81 is ")


def test_a_run_that_diverges_again_and_again_ends(lab):
    work = lab(num_train_epochs=4, eval_steps=4)
    outcome = times(work.training(), dict.fromkeys(range(5, 1000), math.nan)).run()
    assert isinstance(outcome.failure, DivergedError)
    assert [value for _, value in rates(work)] == [1e-3 / 2**n for n in range(1, TIMES_BACK + 1)]
    assert "0.000125" in outcome.failure.hint
    assert all(torch.isfinite(p).all() for p in work.model.parameters())


def test_a_rate_that_led_to_a_divergence_is_not_put_back(lab):
    work = lab(num_train_epochs=4, eval_steps=4)

    def raise_it(event):
        if isinstance(event, StepsDone) and event.step == 5 and not rates(work):
            work.control.change(learning_rate=1e-2, early_stopping_patience=7)

    training = work.training(raise_it)
    training.keeper.last.keep = 2
    assert times(training, dict.fromkeys((6, 7, 8), math.nan)).run().stopped.reason == "finished"
    assert rates(work) == [(5, 1e-2), (4, 5e-3)]
    assert work.control.settings["early_stopping_patience"] == 7
    assert work.control.settings["learning_rate"] == 5e-3
