"""Interrupts that cannot get lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class _Keeping:
    """Python's own handler of interrupts, which remembers that one came."""

    came = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt

    def check(self) -> None:
        if self.came:
            raise KeyboardInterrupt


@contextmanager
def interrupts_kept() -> Iterator[Callable[[], None]]:
    """Yield what raises KeyboardInterrupt where an earlier one got lost in this block.

    Python drops what is raised while an object is finalised. A lock on a file finalises itself at
    length, so who asks about it again and again and is interrupted just then would never know.
    Outside the main thread, where signals do not arrive, and under a handler of somebody else's
    this does nothing.

    Examples
    --------
    >>> with interrupts_kept() as check:
    ...     for _ in range(3):
    ...         check()
    """
    keeping, before = _Keeping(), signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not (before is signal.default_int_handler or isinstance(before, _Keeping)):
        yield keeping.check
        return
    signal.signal(signal.SIGINT, keeping)
    try:
        yield keeping.check
    finally:
        signal.signal(signal.SIGINT, before)
