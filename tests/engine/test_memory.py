"""Memory that runs out anywhere in a step: the same step is made, in smaller pieces."""

import sys

import pytest
import torch

from nbtune.engine.memory import give_back, memory_bytes
from nbtune.engine.stepping import OutOfMemoryError
from nbtune.events import Controlled, Evaluated, Notice, RunStarted, StepsDone, as_it_stands
from nbtune.testing import tiny_model

FULL = torch.OutOfMemoryError("CUDA out of memory")


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)


@pytest.fixture
def calm(lab):
    """Make a lab without dropout, so that the size of a micro-batch changes nothing."""

    def make(**settings):
        work = lab(**{"num_train_epochs": 3, "eval_steps": 4, **settings})
        work.model = tiny_model()
        for module in work.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        return work

    return make


@pytest.mark.skipif(sys.platform != "linux", reason="others have no malloc_trim")
def test_what_was_freed_goes_back_to_the_system():
    cpu = torch.device("cpu")
    many = [bytearray(1 << 12) for _ in range(30_000)]
    last = bytearray(1 << 12)  # above it all, so that nothing goes back by itself
    full = memory_bytes(cpu)
    del many
    give_back(cpu)
    assert full - memory_bytes(cpu) > 50 << 20
    assert last


@pytest.mark.parametrize("answer", [TypeError, OSError, object])
def test_where_the_system_takes_nothing_back_a_run_ends_all_the_same(monkeypatch, answer):
    """Windows has no library without a name, and other libraries no such function."""

    def library(name):
        made = answer()
        if isinstance(made, Exception):
            raise made
        return made

    monkeypatch.setattr("ctypes.CDLL", library)
    give_back(torch.device("cpu"))


def losses(work):
    kept = as_it_stands((0.0, event) for event in work.events)
    return {event.step: event.loss for _, event in kept if isinstance(event, StepsDone)}


def close(a, b, tolerance):
    return max(float((a[name] - b[name]).abs().max()) for name in a) < tolerance


def runs_out_in_forward(training, calls):
    real, count = training.stepper.forward, iter(range(1000))

    class Forward:
        model, device = real.model, real.device
        precision, packer = real.precision, real.packer

        def __call__(self, batch):
            logits = real(batch)
            if next(count) in calls:
                raise FULL
            return logits

    training.stepper.forward = Forward()


def runs_out_in_backward(training, calls, monkeypatch):
    real, count = torch.autograd.backward, iter(range(1000))

    def backward(*args, **others):
        if next(count) in calls:
            real(*args, **others)  # the gradients are there, and must not count twice
            raise FULL
        real(*args, **others)

    monkeypatch.setattr(torch.autograd, "backward", backward)


def runs_out_in_step(training, calls):
    """Leave the first weight moved, as an optimiser does that cannot make its next state."""
    real, count = training.stepper.optimizer.step, iter(range(1000))

    def step(*args):
        if next(count) in calls:
            next(training.job.forward.model.parameters()).data.fill_(7)
            training.stepper.optimizer.state[training.stepper.parameters[0]] = {
                "step": torch.tensor(1.0),
                "exp_avg": torch.ones_like(training.stepper.parameters[0]),
                "exp_avg_sq": torch.ones_like(training.stepper.parameters[0]),
            }
            raise FULL
        return real(*args)

    training.stepper.optimizer.step = step


@pytest.mark.parametrize("call", [0, 4])
@pytest.mark.parametrize("place", ["forward", "backward", "step"])
def test_memory_that_runs_out_leaves_the_loss_curve_as_it_was(calm, monkeypatch, place, call):
    plain, tight = calm(), calm()
    plain.train()
    training = tight.training()
    if place == "forward":
        runs_out_in_forward(training, {call})
    elif place == "backward":
        runs_out_in_backward(training, {call}, monkeypatch)
    else:
        runs_out_in_step(training, {call})
    assert training.run().stopped.reason == "finished"
    assert training.stepper.micro_rows == 8
    assert losses(tight) == pytest.approx(losses(plain), abs=1e-6)
    assert close(plain.weights(), tight.weights(), 1e-5)
    rows = [event.rows for event in tight.told(StepsDone)]
    assert set(rows) == {16}, "the effective batch stays"


def test_an_update_cut_short_goes_back_to_the_last_checkpoint(calm):
    work = calm(eval_steps=2)
    training = work.training()
    runs_out_in_step(training, {3})
    assert training.run().stopped.reason == "finished"
    assert [event.step for event in work.told(RunStarted)] == [0, 2]
    told = work.told(Notice)[-1].text
    assert told == "the update after step 3 ran out of memory in its middle: going on from step 2"
    assert [event.step for event in work.told(Evaluated)] == [2, 4, 6, 8, 9]


def test_without_a_checkpoint_it_goes_back_to_the_first_weights(calm):
    work = calm(eval_strategy="no")
    training = work.training()
    runs_out_in_step(training, {2})
    assert training.run().stopped.reason == "finished"
    assert [event.step for event in work.told(RunStarted)] == [0, 0]


def test_going_back_hears_again_what_was_asked(calm):
    plain, tight = calm(eval_steps=3), calm(eval_steps=3)
    for work, calls in ((plain, ()), (tight, {4, 6})):

        def change(event, work=work, asked=[]):  # noqa: B006
            if isinstance(event, StepsDone) and event.step == 4 and work not in asked:
                asked.append(work)
                work.control.change(learning_rate=3e-4)

        training = work.training(change)
        runs_out_in_step(training, calls)
        training.run()
    assert [event.step for event in tight.told(RunStarted)] == [0, 3, 3]
    assert [event.step for event in tight.told(Controlled)] == [4, 4, 4]
    assert losses(tight) == pytest.approx(losses(plain), abs=1e-6)
    assert close(plain.weights(), tight.weights(), 1e-5)


def test_memory_that_is_never_enough_is_an_error_and_keeps_the_last_checkpoint(calm):
    work = calm(eval_steps=2)
    training = work.training()
    runs_out_in_step(training, range(3, 1000))
    outcome = training.run()
    assert isinstance(outcome.failure, OutOfMemoryError)
    assert "memory ran out at step" in outcome.failure.problem
    assert outcome.stopped.best_step == 2
    assert not (next(work.model.parameters()) == 7).any()
    work.model = None
    assert work.train(resume=True).stopped.reason == "finished"
