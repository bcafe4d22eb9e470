import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from nbtune import engine
from nbtune.engine.control import Control, interrupts
from nbtune.events import CheckpointSaved, Evaluated, EvaluationProgress, Notice, StepsDone

ENGINE = str(Path(engine.__file__).parent)


def press():
    signal.raise_signal(signal.SIGINT)


@contextmanager
def interrupted_at(*lines):
    """Send an interrupt each time the engine comes to its n-th line; yields the lines so far."""
    count, places = [0], sorted(lines)

    def trace(frame, kind, _):
        if not frame.f_code.co_filename.startswith(ENGINE):
            return None
        if kind == "line":
            count[0] += 1
            while places and count[0] >= places[0]:
                places.pop(0)
                press()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(before)


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_first_interrupt_is_a_wish_and_is_told():
    control, told = Control(), []
    with interrupts(control, told.append), control.interruptible():
        press()
        assert control.stop_reason == "interrupted"
        assert "pausing" in told[0]


def test_the_second_interrupt_breaks_off_what_can_be_left_out():
    control, done = Control(), []

    def step():
        with control.interruptible():
            press()
            done.append("once")
            press()
            done.append("twice")

    with interrupts(control, lambda text: None), pytest.raises(KeyboardInterrupt):
        step()
    assert done == ["once"]


def test_the_second_interrupt_waits_for_the_next_such_block():
    control, done = Control(), []
    with interrupts(control, lambda text: done.append("told")):
        press()
        press()
        done.append("saved")
        with pytest.raises(KeyboardInterrupt), control.interruptible():
            done.append("begun")
    assert done == ["saved", "told"]


def test_no_interrupt_cuts_an_event_in_two():
    control, done = Control(), []

    def step():
        with control.interruptible():
            with control.whole():
                press()
                press()
                done.append("written")
            done.append("and on")

    with interrupts(control, lambda text: None), pytest.raises(KeyboardInterrupt):
        step()
    assert done == ["written"]


def test_the_third_interrupt_raises_wherever_it_comes():
    control = Control()
    with interrupts(control, lambda text: None):
        press()
        press()
        assert not control.is_forced
        with pytest.raises(KeyboardInterrupt):
            press()
    assert control.is_forced


def test_the_handler_before_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with interrupts(Control(), lambda text: None):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_trains_without_a_handler():
    found = []

    def train():
        with interrupts(Control(), lambda text: None):
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]


def train_interrupted(work, *lines, resume=False):
    training = work.training()
    with interrupts(work.control, lambda text: training.tell(Notice(text))), interrupted_at(*lines):
        outcome = training.run(resume)
    assert not work.model.training
    assert all(p.grad is None for p in work.model.parameters())
    return outcome


@pytest.fixture(scope="module")
def whole_course(make_lab, tmp_path_factory):
    """The course that nothing interrupts, and how many lines of the engine it takes."""
    work = make_lab(tmp_path_factory.mktemp("whole"), eval_steps=2, early_stopping_patience=9)
    training = work.training()
    with interrupted_at() as lines:
        training.run()
    return work, lines[0]


@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.13, 0.22, 0.31, 0.4, 0.53, 0.61, 0.74, 0.86, 0.97])
def test_wherever_it_is_interrupted_a_run_goes_on_to_the_same_end(
    lab, whole_course, share, presses
):
    whole, lines = whole_course
    cut = lab(eval_steps=2, early_stopping_patience=9)
    outcome = train_interrupted(cut, *[int(share * lines)] * presses)
    assert outcome.failure is None
    assert outcome.stopped.reason in ("interrupted", "finished")
    if outcome.stopped.reason == "interrupted" and outcome.stopped.step:
        assert cut.told(CheckpointSaved)[-1].step == outcome.stopped.step
    cut.model = None  # a new kernel has new objects and other random numbers
    torch.manual_seed(999)
    if outcome.stopped.reason != "finished":
        assert cut.train(resume=True).stopped.reason == "finished"
        assert same(whole.weights(), cut.weights())
        assert last_looks(cut) == last_looks(whole)


def last_looks(work):
    """The scores of the steps at which they were due, as they stand in the end."""
    looks = {event.step: (event.loss, event.best) for event in work.told(Evaluated)}
    return {step: found for step, found in looks.items() if step % 2 == 0}


def test_an_interrupt_while_scoring_finishes_the_scoring(lab):
    work = lab(eval_steps=2)
    training = work.training(
        lambda event: press() if isinstance(event, EvaluationProgress) else None
    )
    with interrupts(work.control, lambda text: None):
        outcome = training.run()
    assert (outcome.stopped.reason, outcome.stopped.step) == ("interrupted", 2)
    assert [event.step for event in work.told(Evaluated)] == [2]
    assert [event.step for event in work.told(CheckpointSaved)] == [2]


def test_a_second_interrupt_while_scoring_leaves_it_for_later(lab):
    work = lab(eval_steps=2)

    def twice(event):
        if isinstance(event, EvaluationProgress) and not work.control.stop_reason:
            press()
            press()

    training = work.training(twice)
    with interrupts(work.control, lambda text: None):
        assert training.run().stopped.step == 2
    assert work.told(Evaluated) == []
    assert [event.step for event in work.told(CheckpointSaved)] == [2]
    work.model = None
    work.train(resume=True)
    assert [event.step for event in work.told(Evaluated)] == [2, 4, 6]


@pytest.mark.parametrize(("strategy", "looks"), [("epoch", [1]), ("no", [])])
def test_a_paused_run_is_scored_unless_scores_are_not_wanted(lab, every_step, strategy, looks):
    work = lab(eval_strategy=strategy)
    training = work.training(
        lambda event: work.control.stop("interrupted") if isinstance(event, StepsDone) else None
    )
    outcome = training.run()
    assert [event.step for event in work.told(Evaluated)] == looks
    assert (outcome.stopped.step, outcome.stopped.best_step) == (1, 1)


def test_a_third_interrupt_goes_back_to_the_last_checkpoint(lab, whole_course, every_step):
    cut = lab(eval_steps=2, early_stopping_patience=9)

    def thrice(event):
        if isinstance(event, StepsDone) and event.step == 3:
            for _ in range(3):
                press()

    training = cut.training(thrice)
    with interrupts(cut.control, lambda text: None):
        training.run()
    assert [event.step for event in cut.told(CheckpointSaved)] == [2]
    cut.model = None
    cut.train(resume=True)
    assert same(whole_course[0].weights(), cut.weights())


def test_an_interrupt_before_the_first_step_keeps_no_model(lab):
    work = lab()
    training = work.training()
    work.control.stop("interrupted")
    outcome = training.run()
    assert (outcome.stopped.step, outcome.stopped.best_step) == (0, None)
    assert work.told(CheckpointSaved) == []


def test_modes_of_torch_that_an_interrupt_left_behind_do_not_outlive_the_run(lab, every_step):
    work = lab()

    def cut(event):
        if isinstance(event, StepsDone):
            torch.set_grad_enabled(False)
            torch.set_autocast_enabled("cpu", True)
            press()
            press()

    training = work.training(cut)
    with interrupts(work.control, lambda text: None):
        training.run()
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")
    with torch.no_grad():  # nor is a run harmed by what was set before it
        assert work.train(resume=True).stopped.reason == "finished"
        assert not torch.is_grad_enabled()


def test_an_interrupt_in_a_step_is_not_seen_in_the_step(lab, every_step):
    """The second one leaves out what was begun: weights and random numbers stay as they were."""
    whole, cut = lab(), lab()
    whole.train()
    training = cut.training()
    real, calls = training.stepper.forward, iter(range(100))

    class Slow:
        model, device = real.model, real.device
        precision, packer = real.precision, real.packer

        def __call__(self, batch):
            logits = real(batch)
            if next(calls) == 3:
                press()
                press()
            return logits

    training.stepper.forward = Slow()
    with interrupts(cut.control, lambda text: None):
        assert training.run().stopped.step == 3
    assert [event.step for event in cut.told(StepsDone)] == [1, 2, 3]
    cut.model = None
    cut.train(resume=True)
    assert same(whole.weights(), cut.weights())
