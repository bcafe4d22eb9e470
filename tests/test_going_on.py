"""Interrupts and kills at any moment of a run: nothing is lost, and `resume` goes on."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import nbtune
from nbtune.events import (
    CheckpointSaved,
    EvaluationProgress,
    PhaseStarted,
    RunStarted,
    RunStopped,
    StepsDone,
)
from nbtune.runs import RunFolder, RunStore
from nbtune.testing import topic_rows

pytestmark = pytest.mark.usefixtures("own_folder")

ROWS = topic_rows(90)
RECIPE = {
    "model": "scratch-transformer",
    "num_train_epochs": 2,
    "test_size": 0,
    "learning_rate": 1e-3,
}
TEXTS = list(ROWS["text"][:5])


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    """What the run predicts when nothing happens to it."""
    run = nbtune.finetune(
        ROWS, "whole", runs_dir=tmp_path_factory.mktemp("whole"), display="none", **RECIPE
    )
    return run.predict_proba(TEXTS)


@pytest.fixture
def pressing(monkeypatch):
    """Press Interrupt, so many times, when an event is shown for which ``when`` holds."""

    class Presser:
        def __init__(self, when, times):
            self.when, self.times = when, times

        def __call__(self, event):
            if self.times and self.when(event):
                times, self.times = self.times, 0
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)

        def close(self, *, tables=True):
            self.times = 0

    def press(when, times=1):
        presser = Presser(when, times)
        monkeypatch.setattr("nbtune.panels.display.open_view", lambda *_: presser)

    return press


def in_training(kind):
    """Hold for events of this kind that come after the start; tokenising tells its progress too."""
    begun = []

    def when(event):
        begun.extend([event] if isinstance(event, RunStarted) else [])
        return bool(begun) and isinstance(event, kind)

    return when


def phase(name):
    return lambda event: event == PhaseStarted(name)


@pytest.mark.parametrize("name", ["loading model", "tokenising", "scoring baselines", "training"])
def test_an_interrupt_before_the_first_step_ends_at_once_and_the_run_goes_on(pressing, uncut, name):
    pressing(phase(name))
    with pytest.raises(KeyboardInterrupt):
        nbtune.finetune(ROWS, "cut", **RECIPE)
    run = nbtune.load("cut")
    assert run.status == "paused"
    stopped = run.events[-1][1]
    assert (stopped.reason, stopped.message) == ("interrupted", f"interrupted while {name}")
    again = nbtune.finetune(ROWS, "cut", **RECIPE)
    assert (again.name, again.status) == ("cut@1", "finished")
    assert np.array_equal(again.predict_proba(TEXTS), uncut)


def test_an_interrupt_while_reading_leaves_no_run(pressing):
    pressing(phase("reading data"))
    with pytest.raises(KeyboardInterrupt):
        nbtune.finetune(ROWS, "cut", **RECIPE)
    assert RunStore().folders() == []


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("kind", [StepsDone, EvaluationProgress, CheckpointSaved])
def test_an_interrupt_while_training_returns_a_paused_run_that_goes_on(
    pressing, uncut, kind, times
):
    pressing(in_training(kind), times)
    run = nbtune.finetune(ROWS, "cut", **RECIPE)
    assert run.status == "paused"
    assert run.predict(TEXTS).shape == (5,)
    resumed = nbtune.resume("cut")
    assert resumed.status == "finished"
    assert np.array_equal(resumed.predict_proba(TEXTS), uncut)


def test_an_interrupt_while_saving_the_model_finishes_it(pressing, uncut):
    pressing(phase("saving"), 2)
    run = nbtune.finetune(ROWS, "cut", **RECIPE)
    assert run.status == "finished"
    assert np.array_equal(nbtune.load("cut").predict_proba(TEXTS), uncut)


def test_interrupted_while_it_loads_to_go_on_a_run_keeps_what_it_had(pressing, uncut):
    pressing(lambda event: isinstance(event, CheckpointSaved))
    first = nbtune.finetune(ROWS, "cut", **RECIPE).events[-1][1]
    pressing(phase("loading model"))
    with pytest.raises(KeyboardInterrupt):
        nbtune.resume("cut")
    stopped = nbtune.load("cut").events[-1][1]
    assert isinstance(stopped, RunStopped)
    assert (stopped.step, stopped.best_step) == (first.step, first.best_step)
    assert np.array_equal(nbtune.resume("cut").predict_proba(TEXTS), uncut)


def test_a_model_that_cannot_be_saved_is_told_and_saved_later(monkeypatch, uncut):
    from transformers import PreTrainedModel

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(PreTrainedModel, "save_pretrained", full)
        with pytest.raises(nbtune.RunError, match=r"could not be saved.*No space left") as raised:
            nbtune.finetune(ROWS, "cut", **RECIPE)
    assert "%resume cut@1" in raised.value.hint
    run = nbtune.load("cut")
    assert run.status == "failed"
    assert not list(run.folder.path.glob(".model*"))
    assert np.array_equal(nbtune.resume("cut").predict_proba(TEXTS), uncut)


def test_a_history_that_finds_no_room_waits_for_it(monkeypatch):
    real, refused = RunFolder.append, []

    def full(self, event):
        if len(refused) < 5 and isinstance(event, StepsDone | CheckpointSaved):
            refused.append(event)
            raise OSError(28, "No space left on device")
        real(self, event)

    monkeypatch.setattr(RunFolder, "append", full)
    run = nbtune.finetune(ROWS, "cut", save_interval_seconds=0.01, **RECIPE)
    assert run.status == "finished"
    assert len(refused) == 5
    written = [event for _, event in run.events]
    assert all(event in written for event in refused)


TRAINING = """
import sys, nbtune
from nbtune.testing import topic_rows
recipe = eval(sys.argv[1])
nbtune.finetune(topic_rows(90), "cut", save_interval_seconds=0.01, **recipe)
"""


def history_of(folder):
    return [event for _, event in RunFolder(folder).history()]


def wait_until(true, process):
    for _ in range(6000):
        if true() or process.poll() is not None:
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


@pytest.mark.slow
def test_a_killed_run_is_listed_as_interrupted_and_taken_up_by_the_next_process(tmp_path):
    recipe = {**RECIPE, "num_train_epochs": 12}
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # as here: their sums round alike
    child = subprocess.Popen(
        [sys.executable, "-c", TRAINING, repr(recipe)], cwd=tmp_path, env=one_thread
    )
    folder = tmp_path / "nbtune-runs" / "cut@1"
    wait_until(
        lambda: sum(isinstance(event, CheckpointSaved) for event in history_of(folder)) > 2, child
    )
    assert nbtune.list_runs()[0].status == "running"
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    with (folder / "history.jsonl").open("a") as stream:
        stream.write('{"event": "StepsDone", "ti')  # as a kill in mid-write leaves it

    assert nbtune.list_runs()[0].status == "interrupted"
    run = nbtune.resume("cut")
    assert run.status == "finished"
    started = [event for event in history_of(folder) if type(event).__name__ == "RunStarted"]
    assert [event.step > 0 for event in started] == [False, True]
    whole = nbtune.finetune(ROWS, "whole", **recipe)
    assert np.array_equal(run.predict_proba(TEXTS), whole.predict_proba(TEXTS))
