import sys
from types import SimpleNamespace

import pytest

from nbtune.magics import warming
from nbtune.magics.warming import Warming


class Loop:
    """An event loop whose time is told, with the shell that it serves."""

    def __init__(self):
        self.waiting, self.hooks, self.now = [], [], 0.0
        self.kernel = SimpleNamespace(io_loop=self)
        self.events = SimpleNamespace(
            register=lambda _, hook: self.hooks.append(hook),
            unregister=lambda _, hook: self.hooks.remove(hook),
        )

    def call_later(self, seconds, function):
        self.waiting.append((self.now + seconds, function))

    def idle(self, seconds):
        end = self.now + seconds
        while self.waiting and self.waiting[0][0] <= end:
            self.now, function = self.waiting.pop(0)
            function()
        self.now = end

    def run_cell(self, seconds=0.0):
        self.now += seconds
        for hook in self.hooks:
            hook(None)


@pytest.fixture
def loop(monkeypatch):
    loop = Loop()
    imported = loop.imported = []
    monkeypatch.setattr(warming.time, "monotonic", lambda: loop.now)
    monkeypatch.setattr(warming.importlib, "import_module", imported.append)
    monkeypatch.setattr(warming, "PIECES", ("nbtune.a", "nbtune.b", "nbtune.c"))
    return loop


def test_pieces_are_imported_one_by_one_while_the_kernel_is_idle(loop):
    Warming(loop, lambda: True).start()
    loop.idle(0.3)
    assert loop.imported == []
    loop.idle(10)
    assert loop.imported == ["nbtune.a", "nbtune.b", "nbtune.c"]
    assert not loop.waiting
    assert not loop.hooks


def test_cells_that_follow_each_other_do_not_wait_for_imports(loop):
    Warming(loop, lambda: True).start()
    for _ in range(20):
        loop.run_cell(seconds=2)
        loop.idle(0.4)
    assert loop.imported == []


def test_it_ends_when_it_is_no_longer_wanted(loop):
    wanted = [True]
    Warming(loop, lambda: wanted[0]).start()
    loop.idle(0.6)
    wanted[0] = False
    loop.idle(10)
    assert loop.imported == ["nbtune.a"]
    assert not loop.hooks


def test_a_module_that_does_not_import_is_left_to_the_cell_that_needs_it(loop, monkeypatch):
    def fails(name):
        loop.imported.append(name)
        raise OSError(name)

    monkeypatch.setattr(warming.importlib, "import_module", fails)
    Warming(loop, lambda: True).start()
    loop.idle(10)
    assert len(loop.imported) == 3


def test_variables_set_too_late_are_named(loop, monkeypatch):
    monkeypatch.delenv("HF_HOME", raising=False)
    warm = Warming(loop, lambda: True)
    warm.start()
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    assert warm.changed == []  # nothing has read it yet
    loop.idle(10)
    monkeypatch.setenv("HF_HOME", "elsewhere")
    monkeypatch.setenv("EDITOR", "vi")
    assert warm.changed == ["HF_HOME"]


def test_a_shell_without_a_kernel_is_left_alone(monkeypatch):
    before = set(sys.modules)
    Warming(SimpleNamespace(), lambda: True).start()
    assert set(sys.modules) == before
