"""What may be asked of a running loop, and how an interrupt becomes such a wish."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PAUSING = "pausing: what is under way is finished and saved; interrupt again to leave it out"


class Control:
    """Wishes that the loop reads between two steps; any thread may set them.

    Attributes
    ----------
    is_forced : bool
        Whether an interrupt was raised where nothing is prepared for one.
    """

    def __init__(self) -> None:
        self.stop_reason = ""
        self.is_forced = False
        self._closed = 1
        self._wanted: list[Callable[[], None]] = []

    def stop(self, reason: str) -> None:
        """Ask the loop to end after the current step; the first reason counts."""
        self.stop_reason = self.stop_reason or reason

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let interrupts break off this block, and only such blocks; it must leave no trace."""
        self._closed -= 1
        try:
            self._do_wanted()
            yield
        finally:
            self._closed += 1

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Keep interrupts out of this part of an interruptible block, until its end."""
        self._closed += 1
        try:
            yield
        finally:
            self._closed -= 1
        self._do_wanted()

    def want(self, action: Callable[[], None]) -> None:
        """Do something as soon as the loop can be interrupted."""
        self._wanted.append(action)
        self._do_wanted()

    def _do_wanted(self) -> None:
        while self._wanted and not self._closed:
            self._wanted.pop(0)()


@contextmanager
def interrupts(control: Control, tell: Callable[[str], None]) -> Iterator[None]:
    """Turn the first interrupt into a wish to pause; later ones raise KeyboardInterrupt.

    The second is raised where the loop can be interrupted, never in an update of the weights or
    a save; the third is raised wherever it comes. Outside the main thread, where signals do not
    arrive, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    count = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count == 1:
            control.stop("interrupted")
            control.want(lambda: tell(PAUSING))
        elif count == 2:
            control.want(_leave)
        else:
            control.is_forced = True
            _leave()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave() -> None:
    raise KeyboardInterrupt
