"""The lane on which our buttons are heard while a cell is busy training.

A kernel takes one message after the other, so a click waits until the cell has ended. A lane lets
the few messages that concern our own widgets past, and leaves all others where they are.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol

from nbtune.panels.display import find_kernel


class Lane(Protocol):
    """A way past a busy cell; ``kind`` is ``router`` or ``drain``.

    Attributes
    ----------
    was_reopened : bool
        Whether a page asked for the widgets anew, as one does that is loaded in mid-run.
    """

    kind: str

    @property
    def was_reopened(self) -> bool: ...  # noqa: D102
    def poll(self) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


def open_lane(comm_ids: Iterable[str], *, polled: bool = True) -> Lane | None:
    """Open the lane that this kernel can have; None where there is none.

    The kernel is asked what it has, never for its version: threads beside the one that runs cells
    make a *router*, which hears a click at once; a queue that can be read from the outside makes a
    *drain*, which hears it when it is polled. Both touch what ipykernel does not promise to keep,
    so whatever fails here means the next one.

    Parameters
    ----------
    comm_ids : iterable of str
        The comms of our own widgets.
    polled : bool
        Whether somebody will call its `poll`, again and again, in the thread that runs cells.
    """
    kernel = find_kernel()
    if kernel is None:
        return None
    from nbtune.panels.lane.drain import Drain
    from nbtune.panels.lane.router import Router

    ids = list(comm_ids)
    for kind in (Router, Drain) if polled else (Router,):
        try:
            return kind(kernel, ids)
        except Exception:
            kernel.log.debug("nbtune: no %s here", kind.kind, exc_info=True)
    return None


def in_main_thread() -> bool:
    """Whether cells run in this thread."""
    return threading.current_thread() is threading.main_thread()
