"""Messages for our widgets are read between two steps, by the thread that trains.

Where a kernel has only one thread for cells and clicks, as with ipykernel 6. All other messages
are kept, in order, and put back when the cell ends.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import zmq

from nbtune.panels.lane import in_main_thread
from nbtune.panels.lane.ours import Ours, say_busy


class Drain:
    """Reads what waits at the kernel's door whenever it is polled, in the thread of the cells.

    Raises
    ------
    LookupError
        When this is another thread, or the kernel has no queue that we know how to fill.
    """

    kind = "drain"

    def __init__(self, kernel: Any, comm_ids: Iterable[str]) -> None:
        if not in_main_thread() or not hasattr(kernel, "schedule_dispatch"):
            raise LookupError("the kernel's messages cannot be read from here")
        self.kernel, self.stream = kernel, kernel.shell_stream
        self.ours = Ours(comm_ids)
        self.later: list[list[Any]] = []

    @property
    def was_reopened(self) -> bool:
        """Whether a page was loaded since."""
        return self.ours.was_reopened

    def poll(self) -> None:
        """Act on what came for our widgets; keep the rest for when the cell ends."""
        acted = False
        while (frames := self._next()) is not None:
            if self._act(frames):
                acted = True
            else:
                self.later.append(frames)
        if acted:
            self.stream.flush(zmq.POLLOUT)
            say_busy(self.kernel)

    def close(self) -> None:
        """Put the messages that were kept where the kernel looks next, in their order."""
        later, self.later = self.later, []
        for frames in later:
            self.kernel.schedule_dispatch(self.kernel.dispatch_shell, frames)
        self.stream.flush()  # what came since, which its loop was not told of

    def _next(self) -> list[Any] | None:
        try:
            return self.stream.socket.recv_multipart(  # type: ignore[no-any-return]
                zmq.NOBLOCK, copy=False
            )
        except zmq.Again:
            return None

    def _act(self, frames: list[Any]) -> bool:
        """Handle a message as the kernel does, if it is ours."""
        session = self.kernel.session
        try:
            idents, parts = session.feed_identities(frames, copy=False)
            message = session.deserialize(parts, content=False, copy=False)
            if not self.ours.take(message, session):
                return False
            message = session.deserialize(parts, content=True, copy=False)
        except Exception:  # noqa: BLE001 - a message that we cannot read is not ours
            return False
        self._handle(idents, message)
        return True

    def _handle(self, idents: list[bytes], message: dict[str, Any]) -> None:
        """Answer in the name of this message, then speak for the cell again."""
        kernel = self.kernel
        cell, cell_idents = kernel.get_parent("shell"), kernel._parent_ident["shell"]
        kernel.set_parent(idents, message, channel="shell")
        try:
            kernel.send_response(kernel.iopub_socket, "status", {"execution_state": "busy"})
            handler = kernel.shell_handlers[message["header"]["msg_type"]]
            _finish(handler(self.stream, idents, message))
        except Exception:
            kernel.log.error("nbtune: a widget's message failed", exc_info=True)
        finally:
            # Pages send the next change of a slider only once they have seen this.
            kernel.send_response(kernel.iopub_socket, "status", {"execution_state": "idle"})
            kernel.set_parent(cell_idents, cell, channel="shell")


def _finish(result: Any) -> None:
    """Run a handler that is a coroutine to its end; those that we call wait for nothing."""
    if inspect.iscoroutine(result):
        try:
            result.send(None)
        except StopIteration:
            return
        result.close()
        raise RuntimeError("a handler waits, while the cell is busy")
