"""Work that is done once nobody asks for anything else, beside whatever the kernel does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

PAUSE = 0.4
"""Seconds without a key after which somebody is taken to read."""


class Latest:
    """Does the last thing that was asked for, after a pause, in a thread of its own.

    Whatever is asked meanwhile takes its place; what comes too late is not shown. There is no
    thread where there is nothing to do.

    Parameters
    ----------
    work : callable
        What was asked for, to what is shown of it; it shares nothing with the rest of the kernel.
    show : callable
        Takes what is shown.
    failed : callable
        Takes what went wrong in either: a thread has nobody else to tell, and what leaves it is
        printed below whatever cell runs.
    pause : float
        In seconds.
    """

    def __init__(
        self,
        work: Callable[..., Any],
        show: Callable[[Any], None],
        failed: Callable[[Exception], None],
        pause: float = PAUSE,
    ) -> None:
        self.work, self.show, self.failed, self.pause = work, show, failed, pause
        self._lock = threading.Lock()
        self._wanted: tuple[Any, ...] | None = None
        self._number, self._at = 0, 0.0
        self._thread: threading.Thread | None = None

    def ask(self, *what: Any) -> None:
        """Ask for something, in place of what was asked for before."""
        with self._lock:
            self._number, self._at, self._wanted = self._number + 1, time.monotonic(), what
            if self._thread is None:
                self._thread = threading.Thread(target=self._go, name="nbtune-later", daemon=True)
                self._thread.start()

    def forget(self) -> None:
        """Ask for nothing any more."""
        with self._lock:
            self._number, self._wanted = self._number + 1, None

    def wait(self) -> None:
        """Return when there is nothing left to do."""
        if (thread := self._thread) is not None:
            thread.join()

    def _go(self) -> None:
        while True:
            with self._lock:
                if self._wanted is None:
                    self._thread = None
                    return
                left = self._at + self.pause - time.monotonic()
                if left <= 0:
                    what, number, self._wanted = self._wanted, self._number, None
            if left > 0:
                time.sleep(left)
                continue
            try:
                self._do(what, number)
            except BaseException:
                with self._lock:
                    self._thread = None
                raise

    def _do(self, what: tuple[Any, ...], number: int) -> None:
        try:
            found = self.work(*what)
            if number == self._number:
                self.show(found)
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            if number == self._number:
                self.failed(error)
