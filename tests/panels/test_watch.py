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


def opened(title, mode):
    raise KeyboardInterrupt


@pytest.mark.parametrize("at", ["while it opens", "while it draws"])
def test_an_interrupt_at_any_moment_ends_the_watching_only(at, tmp_path, monkeypatch, capsys):
    folder = RunStore(tmp_path).create("run")
    opening = opened if at == "while it opens" else lambda title, mode: Interrupted(title)
    monkeypatch.setattr(watching, "open_view", opening)
    watching.watch(folder, None, lambda: None, wait=True)
    assert "run@1 is not watched any more; it goes on" in capsys.readouterr().out
