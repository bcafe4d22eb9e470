"""What may be asked of a running loop, and how an interrupt becomes such a wish."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Control:
    """Wishes that the loop reads between two steps; any thread may set them."""

    def __init__(self) -> None:
        self.stop_reason = ""

    def stop(self, reason: str) -> None:
        """Ask the loop to end after the current step; the first reason counts."""
        self.stop_reason = self.stop_reason or reason


@contextmanager
def interrupts(control: Control, tell: Callable[[str], None]) -> Iterator[None]:
    """Turn the first interrupt into a wish to pause; a second one raises KeyboardInterrupt.

    An interrupt in the middle of an optimiser step would leave half of the weights updated, so
    the step is finished first. Outside the main thread, where signals do not arrive, this does
    nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> Any:
        if control.stop_reason:
            raise KeyboardInterrupt
        control.stop("interrupted")
        tell("finishing this step and saving; interrupt again to stop at once")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
