"""Imports what training needs while the user types, so that the first cell does not wait for it."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

PIECES = (
    "numpy",
    "nbtune.recipe",
    "torch",
    "pandas",
    "nbtune.data.preparing",
    "transformers",
    "transformers.modeling_utils",
    "nbtune.engine.loop",
    "transformers.tokenization_utils_tokenizers",
    "nbtune.jobs.training",
    "sklearn.metrics",
    "ipywidgets",
    "matplotlib.figure",
)
"""Modules in an order in which each takes a moment only, torch the longest (about a second)."""
IDLE_SECONDS = 0.5
"""So long after a cell, and between two pieces, the kernel must have had nothing to do."""
DECIDE = ("HF_", "TRANSFORMERS_", "TORCH_", "OMP_", "MKL_")
"""Beginnings of the environment variables that are read at import, and never again."""


class Warming:
    """One piece after another, in the main thread, and only while no cell runs.

    A thread of its own would import at the same time as the user's cells, and Python settles such
    meetings by handing out half-made modules.

    Parameters
    ----------
    shell : InteractiveShell
        Without a kernel, as in a terminal, nothing is imported.
    wanted : callable
        Asked before each piece whether to go on.
    """

    def __init__(self, shell: Any, wanted: Callable[[], bool]) -> None:
        self.shell, self.wanted = shell, wanted
        self.left = list(PIECES)
        self.environment: dict[str, str] | None = None
        self.busy = time.monotonic()

    def start(self) -> None:
        """Begin as soon as the kernel is idle."""
        if getattr(self.shell, "kernel", None) is None:
            return
        self.shell.events.register("post_run_cell", self._after_cell)
        self._later()

    def stop(self) -> None:
        """Leave out what is not imported yet."""
        self.left.clear()
        with suppress(ValueError):
            self.shell.events.unregister("post_run_cell", self._after_cell)

    def _after_cell(self, _: Any) -> None:
        self.busy = time.monotonic()

    def _later(self) -> None:
        self.shell.kernel.io_loop.call_later(IDLE_SECONDS / 2, self._go_on)

    def _go_on(self) -> None:
        if not self.left or not self.wanted():
            self.stop()
            return
        if time.monotonic() - self.busy >= IDLE_SECONDS:
            name = self.left.pop(0)
            if self.environment is None and name not in sys.modules:
                self.environment = deciding_variables()
            with suppress(Exception):  # the cell that needs it will say what is wrong with it
                importlib.import_module(name)
        self._later()

    @property
    def changed(self) -> list[str]:
        """Environment variables that were set too late to be read, by name."""
        if self.environment is None:
            return []
        now = deciding_variables()
        names = self.environment.keys() | now.keys()
        return sorted(name for name in names if self.environment.get(name) != now.get(name))


def deciding_variables() -> dict[str, str]:
    """Return the environment variables that decide something at import."""
    return {name: value for name, value in os.environ.items() if name.startswith(DECIDE)}
