"""A run is steered by another process as it is by its own."""

import pytest

from nbtune.engine.control import LETTER_SECONDS, Control
from nbtune.engine.remote import RemoteControl
from nbtune.errors import RecipeError, RunError
from nbtune.events import Controlled, RunStarted, RunStopped
from nbtune.recipe import Recipe, to_yaml
from nbtune.runs import RunStore
from nbtune.runs.letters import leave_letter, take_letters

STARTED = RunStarted(0, 9, 3, "t", "m", "full", 1, 1, "cpu", "fp32", "packed", "accuracy")


@pytest.fixture
def folder(tmp_path):
    folder = RunStore(tmp_path).create("run")
    folder.describe({"rows": {"train": 9, "validation": 3}}, to_yaml(Recipe(learning_rate=2e-5)))
    with folder.hold():
        yield folder


def wishes(control):
    found = []
    while (wish := control.take(1, 0)) is not None:
        found.append((wish.action, dict(wish.settings)))
    return found


def test_each_wish_arrives_as_if_it_had_been_asked_here(folder):
    remote, control = RemoteControl(folder), Control(letters=lambda: take_letters(folder))
    for act in (remote.pause, remote.resume, remote.save, remote.evaluate, remote.stop):
        act()
    remote.change(lr=1e-5, epochs=4)
    assert remote.is_asked
    names = ["pause", "resume", "save", "evaluate", "stop"]
    changes = ("change", {"lr": 1e-5, "epochs": 4})
    assert wishes(control) == [*((name, {}) for name in names), changes]
    assert not remote.is_asked
    assert (control.stop_reason, remote.stop_reason) == ("interrupted", "interrupted")


def test_one_looks_for_letters_now_and_then_only():
    looks = []
    control = Control(letters=lambda: looks.append(1) or [])
    for step in range(10_000):
        control.take(step, 0)
    assert 1 <= len(looks) < 10
    control._looked -= LETTER_SECONDS
    before = len(looks)
    control.take(0, 0)
    assert len(looks) == before + 1


@pytest.mark.parametrize("letter", [{}, {"action": 3}, {"action": "change", "settings": [1]}])
def test_a_letter_that_makes_no_sense_is_passed_over(folder, letter):
    leave_letter(folder, letter)
    assert wishes(Control(letters=lambda: take_letters(folder))) == []


def test_it_says_what_it_knows_from_the_history(folder):
    remote = RemoteControl(folder)
    assert remote.status == "starting"
    folder.append(STARTED)
    assert remote.status == "running"
    folder.append(Controlled(2, "pause"))
    folder.append(Controlled(2, "change", "num_train_epochs", 7.0, 3.0, 70))
    assert (remote.status, remote.settings["num_train_epochs"]) == ("paused", 7.0)
    folder.append(Controlled(2, "resume"))
    assert remote.status == "running"
    folder.append(RunStopped(9, "finished"))
    assert remote.status == "ended"


def test_what_cannot_be_is_refused_before_it_is_sent(folder):
    remote = RemoteControl(folder)
    with pytest.raises(RecipeError, match="learning_rate is -1"):
        remote.change(learning_rate=-1)
    with pytest.raises(RecipeError, match="seed cannot change"):
        remote.change(seed=1)
    folder.describe({"rows": {"train": 9}}, folder.recipe_text)
    for act in (lambda remote: remote.evaluate(), lambda remote: remote.change(eval_steps=3)):
        with pytest.raises(RunError, match="no validation rows"):
            act(RemoteControl(folder))
    assert not remote.is_asked


def test_a_run_that_nobody_trains_takes_no_letters(tmp_path):
    folder = RunStore(tmp_path).create("run")
    folder.describe({}, to_yaml(Recipe()))
    with pytest.raises(RunError, match="run@1 is not training any more"):
        RemoteControl(folder).pause()
    assert not (folder.path / "letters").exists()
