"""A run in a process of its own: the same run, and anybody can steer it."""

import os
import signal
import time

import numpy as np
import pytest

import nbtune
from nbtune.errors import RunError
from nbtune.events import Controlled, StepsDone
from nbtune.jobs.background import launch
from nbtune.runs import RunStore
from nbtune.runs.letters import is_letter_waiting, leave_letter, take_letters
from nbtune.testing import tiny_model_folder, topic_rows

pytestmark = pytest.mark.usefixtures("own_folder")

ROWS = topic_rows(90)
RECIPE = {"model": "scratch-transformer", "num_train_epochs": 3, "baseline": False}
LONG = RECIPE | {"num_train_epochs": 5000}
TEXTS = list(ROWS["text"][:5])


@pytest.fixture
def started():
    """Start runs in the background; what still trains at the end is stopped."""
    runs = []

    def start(name, **settings):
        runs.append(nbtune.finetune(ROWS, name, background=True, **settings))
        return runs[-1]

    yield start
    for run in runs:
        if run.folder.is_busy():
            os.kill(run.folder.trainer["pid"], signal.SIGKILL)
            until(lambda run=run: not run.folder.is_busy())


def until(so, seconds=60):
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def trains(run):
    return any(isinstance(event, StepsDone) for _, event in run.events)


def test_it_is_the_run_of_the_foreground_bit_for_bit(started):
    beside = started("beside", **RECIPE)
    assert beside.status == "running"
    assert beside.folder.trainer["pid"] != os.getpid()
    here = nbtune.finetune(ROWS, "here", **RECIPE)
    assert beside.wait().status == "finished"
    for name, weight in here.model.state_dict().items():
        assert np.array_equal(weight, beside.model.state_dict()[name]), name
    assert beside.metrics == here.metrics
    assert np.array_equal(beside.predict_proba(TEXTS), here.predict_proba(TEXTS))


def test_it_is_steered_from_here_and_goes_on_where_it_was_stopped(started):
    run = started("steered", **LONG)
    until(lambda: trains(run))
    steering = nbtune.control("steered")
    assert nbtune.pause("steered").status == "running"
    assert steering.status == "paused"
    at = run.events[-1][1].step
    steering.change(lr=1e-5)
    assert steering.settings["learning_rate"] == 1e-5
    steering.save()
    until(lambda: not steering.is_asked)
    nbtune.resume("steered", num_train_epochs=4000)
    until(lambda: steering.status == "running")
    assert nbtune.stop("steered").status == "paused"
    asked = [(e.action, e.value) for _, e in run.events if isinstance(e, Controlled)]
    assert asked == [
        ("pause", None), ("change", 1e-5), ("save", None), ("change", 4000), ("resume", None),
    ]  # fmt: skip
    assert steering.status == "ended"
    with pytest.raises(RunError, match="not training any more"):
        steering.pause()
    again = nbtune.resume("steered", background=True)
    until(lambda: nbtune.control("steered").status == "running")
    assert nbtune.stop("steered").events[-1][1].step >= at
    assert again.folder.path == run.folder.path


def test_a_run_that_trains_is_not_started_twice(started):
    run = started("once", **LONG)
    pid = run.folder.trainer["pid"]
    assert nbtune.finetune(ROWS, "once", background=True, **LONG).name == "once@1"
    assert run.folder.trainer["pid"] == pid
    with pytest.raises(RunError, match="being trained already"):
        nbtune.finetune(ROWS, "once", **LONG)
    with pytest.raises(RunError, match="being trained already"):
        nbtune.resume("once", background=True)
    assert [row.status for row in nbtune.list_runs()] == ["running"]


def test_a_killed_process_says_where_its_log_is_and_the_run_goes_on(started):
    run = started("killed", save_interval_seconds=0.2, **LONG)
    until(lambda: trains(run))
    os.kill(run.folder.trainer["pid"], signal.SIGKILL)
    with pytest.raises(RunError, match=r"killed@1 is interrupted.*\n.*log.txt"):
        run.wait()
    started("killed", save_interval_seconds=0.2, **LONG)
    until(lambda: nbtune.control("killed").status == "running")
    assert nbtune.stop("killed").status == "paused"


def test_a_process_that_cannot_begin_says_why(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named nbtune'\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    with pytest.raises(RunError, match=r"could not be started: .*No module named"):
        nbtune.finetune(ROWS, "lost", background=True, **RECIPE)
    assert nbtune.load("lost").status == "failed"


def test_a_process_that_has_ended_when_one_looks_had_begun(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "{\\"pid\\": $$}" > "$4/process.json"\n')
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    folder = RunStore(tmp_path).create("quick")
    assert launch(folder) == folder.trainer["pid"]


def test_what_fails_in_the_process_is_in_the_history(started, tmp_path):
    tiny_model_folder(tmp_path / "tiny")
    (tmp_path / "tiny" / "model.safetensors").write_bytes(b"cut")
    run = started("fails", **RECIPE | {"model": "./tiny"})
    with pytest.raises(RunError, match="fails@1 is failed: "):
        run.wait()
    assert run.view().stop.message in run.folder.log_path.read_text()


def test_letters_are_taken_once_and_in_order(tmp_path):
    folder = RunStore(tmp_path).create("run")
    assert take_letters(folder) == []
    for number in range(12):
        leave_letter(folder, {"action": str(number)})
    (folder.path / "letters" / "0.json").write_text("{ half a let")
    assert is_letter_waiting(folder)
    assert [letter["action"] for letter in take_letters(folder)] == [str(i) for i in range(12)]
    assert take_letters(folder) == []
    assert not is_letter_waiting(folder)


def test_what_was_asked_too_late_does_not_stop_the_next_training():
    run = nbtune.finetune(ROWS, "late", **RECIPE)
    leave_letter(run.folder, {"action": "stop", "settings": {}})
    assert nbtune.resume("late", num_train_epochs=4).status == "finished"
