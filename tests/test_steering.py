"""Steering a run from another thread, and training it once more as it was steered."""

import threading
import time

import numpy as np
import pytest
import torch

import nbtune
from nbtune.errors import RunError
from nbtune.events import Controlled, StepsDone
from nbtune.runs import RunStore
from nbtune.testing import topic_rows

pytestmark = pytest.mark.usefixtures("own_folder")

ROWS = topic_rows(90)
RECIPE = {
    "model": "scratch-transformer",
    "num_train_epochs": 3,
    "test_size": 0,
    "learning_rate": 1e-3,
    "baseline": False,
}
TEXTS = list(ROWS["text"][:5])


@pytest.fixture
def at_step(monkeypatch):
    """Do something when the view is shown a report of so many steps."""

    def set_up(acts):
        class View:
            def __call__(self, event):
                if isinstance(event, StepsDone) and event.step in acts:
                    acts.pop(event.step)()

            def close(self, *, tables=True):
                acts.clear()

        monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)
        monkeypatch.setattr("nbtune.panels.display.open_view", lambda *_: View())

    return set_up


def asked(run):
    return [(e.step, e.action, e.value) for _, e in run.events if isinstance(e, Controlled)]


def test_a_run_is_steered_by_name_and_trained_again_as_it_was(at_step):
    at_step(
        {
            2: lambda: nbtune.control("topics").change(learning_rate=1e-4),
            5: lambda: nbtune.control().change(epochs=2),
        }
    )
    run = nbtune.finetune(ROWS, "topics", **RECIPE)
    assert asked(run) == [(2, "change", 1e-4), (5, "change", 2.0)]
    assert run.events[-1][1].step == 12
    again = nbtune.replay("topics")
    assert (again.name, again.status) == ("topics_replay@1", "finished")
    assert asked(again) == asked(run)
    assert np.array_equal(again.predict_proba(TEXTS), run.predict_proba(TEXTS))
    plain = nbtune.finetune(ROWS, "plain", **RECIPE)
    assert not np.array_equal(plain.predict_proba(TEXTS), run.predict_proba(TEXTS))


def test_a_run_that_was_stopped_and_one_that_was_extended_are_trained_again_as_well(at_step):
    at_step({4: lambda: nbtune.control("topics").stop()})
    run = nbtune.finetune(ROWS, "topics", **RECIPE)
    assert (run.status, run.events[-1][1].step) == ("paused", 4)
    again = nbtune.replay(run, "again")
    assert again.events[-1][1].step == 4
    assert np.array_equal(again.predict_proba(TEXTS), run.predict_proba(TEXTS))
    longer = nbtune.resume("topics", num_train_epochs=4)
    assert longer.events[-1][1].step == 24
    with pytest.raises(RunError, match="finished after 4 epochs, and 3 are not more") as refused:
        nbtune.resume("topics", num_train_epochs=3)
    assert "--epochs +1" in refused.value.hint
    again = nbtune.replay("topics")
    assert np.array_equal(again.predict_proba(TEXTS), longer.predict_proba(TEXTS))


def test_another_thread_pauses_looks_and_goes_on():
    """What a button does: find the control, and call it."""
    seen = []

    def press():
        while not seen:
            try:
                control = nbtune.control()
            except RunError:
                time.sleep(0.005)
            else:
                seen.append(control)
        control.pause()
        while control.status != "paused":
            time.sleep(0.002)
        seen.append(nbtune.load("topics").status)
        control.resume()

    thread = threading.Thread(target=press)
    thread.start()
    run = nbtune.finetune(ROWS, "topics", **RECIPE)
    thread.join()
    assert seen[1] == "running"
    assert [what for _, what, _ in asked(run)] == ["pause", "resume"]
    with pytest.raises(RunError, match="not training any more"):
        seen[0].pause()


def test_a_run_leaves_the_random_numbers_of_the_notebook_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    nbtune.finetune(ROWS, "topics", **RECIPE)
    assert torch.equal(torch.rand(3), expected)


def test_a_run_that_does_not_train_here_cannot_be_steered():
    with pytest.raises(RunError, match="no run trains in this kernel now"):
        nbtune.control()
    run = nbtune.finetune(ROWS, "topics", **RECIPE)
    with pytest.raises(RunError, match="topics@1 is not training: it is finished"):
        run.control  # noqa: B018
    with run.folder.hold():
        assert nbtune.control("topics").is_remote
    assert len(RunStore().folders()) == 1


@pytest.mark.parametrize("model", ["scratch-cnn", "scratch-lstm"])
def test_any_architecture_goes_on_where_it_was_stopped(at_step, model):
    """Running means of batch normalisation are part of a checkpoint."""
    recipe = RECIPE | {"model": model, "size": "tiny"}
    whole = nbtune.finetune(ROWS, "whole", **recipe)
    at_step({4: lambda: nbtune.control("halted").stop()})
    assert nbtune.finetune(ROWS, "halted", **recipe).status == "paused"
    again = nbtune.resume("halted").trained.model.state_dict()
    wanted = whole.trained.model.state_dict()
    assert all(torch.equal(wanted[name], again[name]) for name in wanted)
