"""The live view of a run that trains elsewhere: another cell, another kernel, another process.

What is drawn is the history on disk, so any number of views of a run show the same.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from nbtune.events import RunStopped
from nbtune.panels.display import LiveView, is_headless, open_view
from nbtune.panels.live_card import CardView
from nbtune.runs import RunFolder
from nbtune.runs.following import Follower

if TYPE_CHECKING:
    from nbtune.panels.toolbar import Steerable

SECONDS_A_LOOK = 0.3
PATIENCE = 1.0
"""Seconds without news after which one asks whether the run still trains."""
MOST = 4
"""Views that follow runs at the same time in one kernel; a notebook re-runs its cells."""
HERE = "This run trains in this kernel, beside this cell; what is clicked on acts in every view."
ELSEWHERE = (
    "Another kernel or process trains this run, and it is steered there. This card follows it, and "
    "more cells can be run meanwhile."
)

_FOLLOWING: list[Watch] = []


class Watch:
    """A view of a run's folder that follows what is written there.

    Parameters
    ----------
    folder : RunFolder
        Where the run lies.
    view : LiveView
        What shows it, just opened.
    """

    def __init__(self, folder: RunFolder, view: LiveView) -> None:
        self.folder, self.follower, self.view = folder, Follower(folder), view
        self.left = threading.Event()
        self.heard = time.monotonic()
        self.rest = ExitStack()
        self.view.catch_up(event for _, event in self.follower.new())

    def look(self) -> bool:
        """Show what is new; says whether the run goes on."""
        for _, event in self.follower.new():
            self.heard = time.monotonic()
            self.view(event)
        if isinstance(self.view, CardView):
            self.view.poll()
        ends = self.view.view.stop is not None
        if not ends and time.monotonic() - self.heard < PATIENCE:
            return True
        if self.folder.is_busy():
            return True
        for _, event in self.follower.new():  # what came between the two questions
            self.view(event)
        if self.view.view.stop is None:  # its history just ends
            self.view(RunStopped(self.view.view.step, "killed"))
        return False

    def follow(self) -> None:
        """Show what happens until the run ends, or until `leave`."""
        try:
            while self.look():
                if self.left.wait(SECONDS_A_LOOK):
                    return
        finally:
            self.rest.close()
        self.view.close()

    def leave(self) -> None:
        """Follow no more; the run goes on."""
        self.left.set()

    def follow_beside(self) -> None:
        """Follow in a thread of its own, so that the cell ends now."""
        while len(_FOLLOWING) >= MOST:
            _FOLLOWING.pop(0).leave()
        _FOLLOWING.append(self)
        threading.Thread(target=self._follow_quietly, name="nbtune-watch", daemon=True).start()

    def _follow_quietly(self) -> None:
        try:
            self.follow()
        except Exception:
            logging.getLogger("nbtune").warning("a view of %s is off", self.folder.title)
            logging.getLogger("nbtune").debug("because", exc_info=True)
        finally:
            if self in _FOLLOWING:
                _FOLLOWING.remove(self)


def watch(folder: RunFolder, mode: str | None, control: Steerable | None, *, wait: bool) -> None:
    """Show a run as it is, and as it goes on while it trains.

    Parameters
    ----------
    mode : str, optional
        How; see `open_view`.
    control : Steerable, optional
        What steers the run, where it trains in this process.
    wait : bool
        Return when the run has ended, not at once; an interrupt ends the waiting only.
    """
    view = open_view(folder.title, mode)
    if view is None:
        return
    try:
        following = Watch(folder, view)
        following.heard = 0.0  # whether it trains is asked at once
        if not following.look():
            view.close()
        elif wait or not isinstance(view, CardView) or is_headless():
            following.follow()
        else:
            view.say_below(ELSEWHERE if control is None else HERE)
            if control is not None:
                following.rest.enter_context(view.steers(control, is_ours=False))
            following.follow_beside()
    except KeyboardInterrupt:
        print(f"nbtune: {folder.title} is not watched any more; it goes on")
