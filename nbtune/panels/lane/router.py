"""Messages for our widgets are sent to a thread beside the one that runs cells.

ipykernel 7 has such threads, *subshells*, and a thread that hands each message to one of them. We
have it ask us first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from nbtune.panels.lane.ours import Ours, say_busy

SETTLING_SECONDS = 0.1
"""How long after a message its *idle* has certainly been said."""
PATIENCE = 5.0

_OPEN: list[Router] = []
_SUBSHELLS: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""One for each kernel, never deleted: ipykernel 7.4 sends what concerns a widget to the subshell
that last spoke of it, and drops the message when that one is gone."""


class Router:
    """Open from the start until `close`; several may be, as runs may train side by side.

    Raises
    ------
    LookupError
        When the kernel has no such threads.
    """

    kind = "router"

    def __init__(self, kernel: Any, comm_ids: Iterable[str]) -> None:
        thread = getattr(kernel, "shell_channel_thread", None)
        if thread is None:
            raise LookupError("the kernel has no subshells")
        self.kernel, self.thread = kernel, thread
        self.ours = Ours(comm_ids)
        self.heard = 0.0
        self._in_its_thread(self._install)

    @property
    def was_reopened(self) -> bool:
        """Whether a page was loaded since."""
        return self.ours.was_reopened

    def poll(self) -> None:
        """Keep the page from showing an idle kernel; our messages need no help."""
        if self.heard and time.monotonic() - self.heard > SETTLING_SECONDS:
            self.heard = 0.0
            say_busy(self.kernel)

    def close(self) -> None:
        """Let messages go their usual way again."""
        self._in_its_thread(self._remove)

    def _install(self) -> None:
        if self.kernel not in _SUBSHELLS:
            _SUBSHELLS[self.kernel] = self.thread.manager._create_subshell()
        _OPEN.append(self)
        if len(_OPEN) == 1:
            self.kernel.shell_stream.on_recv(_route, copy=False)

    def _remove(self) -> None:
        _OPEN.remove(self)
        if not _OPEN:
            self.kernel.shell_stream.on_recv(self.kernel.shell_channel_thread_main, copy=False)

    def take(self, frames: list[Any]) -> bool:
        """Send a message to our subshell if it is ours; it is left as it is if it is not."""
        session = self.kernel.session
        idents, parts = session.feed_identities(frames, copy=False)
        # With its content left packed, the message is not yet remembered as seen.
        message = session.deserialize(parts, content=False, copy=False)
        if not self.ours.take(message, session):
            return False
        subshell = _SUBSHELLS[self.kernel]
        message["header"]["subshell_id"] = subshell  # 7.0 to 7.3 insist that it says so
        ours = session.serialize(message, ident=idents) + message["buffers"]
        socket = self.thread.manager.get_shell_channel_to_subshell_socket(subshell)
        socket.send_multipart(ours, copy=False)
        self.heard = time.monotonic()
        return True

    def _in_its_thread(self, action: Callable[[], None]) -> None:
        """Do something in the thread that reads the messages, and wait for it."""
        done, failures = threading.Event(), []

        def act() -> None:
            try:
                action()
            except Exception as error:  # noqa: BLE001 - raised again where it is waited for
                failures.append(error)
            finally:
                done.set()

        self.thread.io_loop.add_callback(act)
        if not done.wait(PATIENCE):
            raise TimeoutError("the thread that reads messages does not answer")
        if failures:
            raise failures[0]


async def _route(frames: list[Any]) -> None:
    """Take in each message of the kernel: to our subshell, or on to where it would have gone."""
    kernel = _OPEN[0].kernel
    try:
        if any(router.take(frames) for router in list(_OPEN)):
            return
    except Exception:
        kernel.log.warning("nbtune: a message was not understood", exc_info=True)
    await kernel.shell_channel_thread_main(frames)
