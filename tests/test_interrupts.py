import signal

import pytest

from nbtune.interrupts import interrupts_kept
from nbtune.panels.state import RunView
from nbtune.panels.watch import Watch
from nbtune.results.run import Run
from nbtune.runs import RunStore


class Deaf:
    """Something during whose end an interrupt comes, which Python drops then."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.fixture
def folder(tmp_path):
    return RunStore(tmp_path).create("run")


@pytest.fixture
def busy(folder, monkeypatch):
    """A run that trains for ever, and about which nobody can ask without being interrupted."""
    asked = []

    def is_busy(self):
        asked.append(Deaf())
        asked.clear()
        return True

    monkeypatch.setattr(type(folder), "is_busy", is_busy)
    return folder


pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_an_interrupt_that_python_drops_is_raised_at_the_next_check():
    before = signal.getsignal(signal.SIGINT)
    with interrupts_kept() as check:
        check()
        Deaf()
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_of_somebody_else_is_left_alone():
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(1))
    try:
        with interrupts_kept() as check:
            Deaf()
            check()
    finally:
        signal.signal(signal.SIGINT, before)
    assert came == [1]


@pytest.mark.timeout(20)
def test_waiting_for_a_run_can_be_interrupted_at_any_moment(busy):
    with pytest.raises(KeyboardInterrupt):
        Run(busy).wait()


class View:
    def __init__(self):
        self.view = RunView("run@1")

    def catch_up(self, events):
        pass


@pytest.mark.timeout(20)
def test_following_a_run_can_be_interrupted_at_any_moment(busy):
    following = Watch(busy, View())
    following.heard = 0.0
    with pytest.raises(KeyboardInterrupt):
        following.follow()
