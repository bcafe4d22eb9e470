import threading

import pytest

from nbtune.panels import watch as watching
from nbtune.panels.state import RunView
from nbtune.runs import RunStore


class Interrupted:
    """A view during which somebody interrupts, when it is told something."""

    def __init__(self, title):
        self.view = RunView(title)

    def catch_up(self, events):
        raise KeyboardInterrupt

    def close(self, *, tables=True):
        raise AssertionError("the run goes on")


class Failing:
    """A view that fails when it follows, and keeps what it is told."""

    def __init__(self, title):
        self.view, self.told = RunView(title), []

    def __call__(self, event):
        self.told.append(event)

    def catch_up(self, events):
        pass

    def close(self, *, tables=True):
        raise ValueError("nothing to draw on")


def test_a_view_that_fails_beside_a_cell_says_so_in_its_card(tmp_path, capsys, caplog):
    view = Failing("run@1")
    watch = watching.Watch(RunStore(tmp_path).create("run"), view)
    watch.follow_beside()
    for thread in threading.enumerate():
        if thread.name == "nbtune-watch":
            thread.join(5)
    assert "nothing to draw on" in view.told[-1].text
    assert "%watch run@1" in view.told[-1].text
    assert capsys.readouterr() == ("", "")
    assert not caplog.records


def opened(title, mode):
    raise KeyboardInterrupt


@pytest.mark.parametrize("at", ["while it opens", "while it draws"])
def test_an_interrupt_at_any_moment_ends_the_watching_only(at, tmp_path, monkeypatch, capsys):
    folder = RunStore(tmp_path).create("run")
    opening = opened if at == "while it opens" else lambda title, mode: Interrupted(title)
    monkeypatch.setattr(watching, "open_view", opening)
    watching.watch(folder, None, lambda: None, wait=True)
    assert "run@1 is not watched any more; it goes on" in capsys.readouterr().out
