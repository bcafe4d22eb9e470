"""Which messages go past a busy cell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

WIDGET_CONTROL = "jupyter.widget.control"
"""The comm on which a page that was just loaded asks what widgets there are."""


class Ours:
    """Tells the messages that are let past from those that wait for the end of the cell.

    Let past are those for our own widgets, and what a page needs that is loaded in mid-run: what
    kernel this is, and the state of the widgets. A widget of somebody else waits as it always did.
    """

    def __init__(self, comm_ids: Iterable[str]) -> None:
        self.comm_ids = set(comm_ids)
        self.was_reopened = False

    def take(self, message: dict[str, Any], session: Any) -> bool:
        """Say whether a message is one of ours; its content may still be packed."""
        kind = message["header"]["msg_type"]
        if kind == "kernel_info_request":
            return True
        if not kind.startswith("comm_") or kind == "comm_info_request":
            return False
        content = message["content"]
        if not isinstance(content, dict):
            content = session.unpack(content)
        if kind == "comm_open" and content.get("target_name") == WIDGET_CONTROL:
            self.comm_ids.add(content["comm_id"])
            self.was_reopened = True
        return content.get("comm_id") in self.comm_ids


def say_busy(kernel: Any) -> None:
    """Say once more that the cell runs: each message ends in an *idle* that pages believe."""
    kernel.send_response(kernel.iopub_socket, "status", {"execution_state": "busy"})
