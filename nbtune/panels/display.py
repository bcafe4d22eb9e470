"""Where a run is shown: a card in a notebook, lines in a terminal, or nowhere.

The place is asked what it can do, never who made it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from nbtune.errors import RecipeError, did_you_mean
from nbtune.events import Event

if TYPE_CHECKING:
    from nbtune.panels.state import RunView

MODES = ("auto", "rich", "text", "none")
REFRESHES_PER_SECOND = 3.0


class LiveView(Protocol):
    """Something that is told events and shows them until it is closed.

    It ends with the tables of the run, unless somebody else shows them. One from which the run can
    be steered also has ``steers(control, folder)``, a context that lasts while the run trains.
    """

    view: RunView

    def __call__(self, event: Event) -> None: ...  # noqa: D102
    def catch_up(self, events: Iterable[Event]) -> None: ...  # noqa: D102
    def close(self, *, tables: bool = True) -> None: ...  # noqa: D102


def open_view(title: str, mode: str | None = None) -> LiveView | None:
    """Open the view that suits the place; None when nothing is to be shown.

    Parameters
    ----------
    title : str
        The name of the run.
    mode : {"auto", "rich", "text", "none"}, optional
        By default ``$NBTUNE_DISPLAY``, else ``auto``: rich where there is a kernel.

    Raises
    ------
    RecipeError
        For any other mode.
    """
    chosen = choose_mode(mode)
    if chosen == "none":
        return None
    if chosen == "rich":
        from nbtune.panels.live_card import CardView

        return CardView(title)
    from nbtune.panels.lines import LineView

    return LineView(title)


def choose_mode(mode: str | None = None) -> str:
    """Return ``rich``, ``text`` or ``none``; see `open_view`."""
    chosen = mode or os.environ.get("NBTUNE_DISPLAY") or "auto"
    if chosen not in MODES:
        raise RecipeError(f"there is no display {chosen!r}", hint=did_you_mean(chosen, MODES))
    if chosen == "auto":
        return "rich" if in_kernel() else "text"
    return chosen


def in_kernel() -> bool:
    """Say whether this code runs in a Jupyter kernel, without importing anything for it."""
    return find_kernel() is not None


def find_kernel() -> Any:
    """Return the Jupyter kernel that this code runs in, or None."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None)


def is_headless() -> bool:
    """Say whether no person can answer: a front end lets its kernel ask for input."""
    kernel = find_kernel()
    if kernel is None:
        return False
    try:
        parent = kernel.get_parent("shell") or {}
    except Exception:  # noqa: BLE001 - an odd kernel is taken for one with a person
        return False
    return parent.get("content", {}).get("allow_stdin") is False


def draws_widgets() -> bool:
    """Say whether a page draws widgets: where a person is, or Voila, which runs cells unattended.

    Elsewhere the state of widgets would only be left in the file, where nothing can use it.
    """
    if not in_kernel():
        return False
    return not is_headless() or os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")
