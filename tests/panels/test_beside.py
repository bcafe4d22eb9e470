import time

import pytest

from nbtune.events import StepsDone
from nbtune.panels.look_bar import LookBar
from nbtune.runs import RunStore
from nbtune.testing import made_up_events


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


def made(store, name, events=()):
    run = store.create(name)
    run.describe({"created": time.time(), "task": "text-classification"}, "seed: 1\n")
    for event in events:
        run.append(event)
    return run


@pytest.fixture
def bar(store):
    """Controls of a run that two others trained before."""
    for name in ("first", "second"):
        made(store, name, made_up_events())
    bar = LookBar(made(store, "present"))
    bar.beside.begin()
    bar.beside.wait()
    return bar


def tick(bar, name, value=True):
    next(one for one in bar.beside.ticks if one.description == name).value = value
    bar.beside.wait()


def test_runs_that_there_are_can_be_ticked_and_are_drawn_then(bar):
    shown = [one.description for one in bar.beside.ticks if one.layout.display != "none"]
    assert shown == ["second@1", "first@1"]
    assert bar.look.beside == ()
    assert not bar.is_new, "nothing is read or drawn that nobody asked for"
    tick(bar, "first@1")
    assert [curve.name for curve in bar.look.beside] == ["first@1"]
    assert bar.is_new
    tick(bar, "second@1")
    assert [curve.name for curve in bar.look.beside] == ["second@1", "first@1"]
    tick(bar, "first@1", False)
    assert [curve.name for curve in bar.look.beside] == ["second@1"]


def test_other_choices_keep_the_runs_that_are_ticked(bar):
    tick(bar, "first@1")
    bar.log.value = True
    assert [curve.name for curve in bar.look.beside] == ["first@1"]
    assert bar.look.is_log


def test_without_other_runs_nothing_is_offered(store):
    bar = LookBar(made(store, "alone"))
    bar.beside.begin()
    bar.beside.wait()
    assert bar.beside.box.layout.display == "none"


def test_without_a_folder_there_is_nothing_to_tick():
    bar = LookBar()
    bar.beside.begin()
    bar.beside.look_again()
    assert bar.beside.ticks == []


def test_a_run_that_trains_at_the_same_time_is_read_on(store):
    told = made_up_events()[:20]
    other = made(store, "other", told)
    bar = LookBar(made(store, "present"))
    bar.beside.begin()
    bar.beside.wait()
    tick(bar, "other@1")
    reports = sum(isinstance(event, StepsDone) for event in told)
    assert len(bar.look.beside[0].steps) == reports
    other.append(StepsDone(3000, 1.0, 0.5, 1e-5, 1.0, 8, 80, 0.1, 0))
    bar.beside.look_again()
    bar.beside.wait()
    assert bar.look.beside[0].steps[-1] == 3000
    bar.is_new = False
    bar.beside.look_again()  # so soon after the last time it is not
    bar.beside.wait()
    assert not bar.is_new


def test_a_run_that_is_gone_meanwhile_is_drawn_as_far_as_it_was_read(bar, store):
    import shutil

    shutil.rmtree(store.get("first").path)
    tick(bar, "first@1")
    assert len(bar.look.beside[0].steps) == 0
