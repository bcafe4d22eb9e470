"""What may be asked of a running loop, and how an interrupt becomes such a wish."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PAUSING = "pausing: what is under way is finished and saved; interrupt again to leave it out"


class Control:
    """Wishes that the loop reads between two steps; any thread may set them."""

    def __init__(self) -> None:
        self.stop_reason = ""
        self._depth = 0
        self._later: list[Callable[[], None]] = []

    def stop(self, reason: str) -> None:
        """Ask the loop to end after the current step; the first reason counts."""
        self.stop_reason = self.stop_reason or reason

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Keep interrupts out of this block: what one asks for happens at its end."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        while self._later and not self._depth:
            self._later.pop(0)()

    def soon(self, action: Callable[[], None]) -> None:
        """Do something now, or at the end of the block that must stay whole."""
        if self._depth:
            self._later.append(action)
        else:
            action()


@contextmanager
def interrupts(control: Control, tell: Callable[[str], None]) -> Iterator[None]:
    """Turn the first interrupt into a wish to pause; later ones raise KeyboardInterrupt.

    The second is raised at once, unless a block is under way that must stay whole, such as an
    update of the weights or a save; the third is raised even there. Outside the main thread,
    where signals do not arrive, this does nothing.
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
            control.soon(lambda: tell(PAUSING))
        elif count == 2:
            control.soon(_leave)
        else:
            _leave()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave() -> None:
    raise KeyboardInterrupt
