"""The live view of a run that trains elsewhere: another cell, another kernel, another process.

What is drawn is the history on disk, so any number of views of a run show the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from nbtune.events import Notice, RunStopped
from nbtune.interrupts import interrupts_kept
from nbtune.panels.display import LiveView, find_kernel, is_headless, open_view
from nbtune.panels.live_card import CardView
from nbtune.runs import RunFolder
from nbtune.runs.following import Follower

if TYPE_CHECKING:
    from nbtune.panels.toolbar import Steerable

SECONDS_A_LOOK = 0.3
PATIENCE = 1.0
"""Seconds without news after which one asks whether the run still trains."""
ENDED_BADLY = ("failed", "killed")
MOST = 4
"""Views that follow runs at the same time in one kernel; a notebook re-runs its cells."""
HERE = "This run trains in this kernel, beside this cell; what is clicked on acts in every view."
ELSEWHERE = (
    "Another kernel or process trains this run. This card follows it, and what is clicked on acts "
    "there; more cells can be run meanwhile."
)
IN_BACKGROUND = (
    "A process of its own ({pid}) trains this run, and goes on when the page is closed or the "
    "kernel is restarted; %watch {title} shows it then, %stop {title} ends it. More cells can be "
    "run meanwhile."
)

_FOLLOWING: list[Watch] = []


class Watch:
    """A view of a run's folder that follows what is written there.

    Parameters
    ----------
    folder : RunFolder
        Where the run lies.
    view : LiveView
        What shows it.
    is_told : bool
        Whether the view was told already what is written there by now.
    """

    def __init__(self, folder: RunFolder, view: LiveView, *, is_told: bool = False) -> None:
        self.folder, self.follower, self.view = folder, Follower(folder), view
        self.ends_with_tables = True
        self.left = threading.Event()
        self.cell = _cell()
        self.heard = time.monotonic()
        self.rest = ExitStack()
        self.view.view.title = folder.title
        history = [event for _, event in self.follower.new()]
        if not is_told:
            self.view.catch_up(history)

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
        self._point_to_log()
        return False

    def _point_to_log(self) -> None:
        """Say where its last words are, of a process of its own that did not end well."""
        stop = self.view.view.stop
        if self.folder.trainer.get("in_background") and stop and stop.reason in ENDED_BADLY:
            self.view(Notice(f"what its process said is in {self.folder.log_path}"))

    def follow(self) -> None:
        """Show what happens until the run ends, or until `leave`."""
        try:
            with interrupts_kept() as check:
                while self.look():
                    check()
                    if self.left.wait(SECONDS_A_LOOK):
                        return
        finally:
            self.rest.close()
        self.view.close(tables=self.ends_with_tables)

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
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            self._say_off(error)
        finally:
            if self in _FOLLOWING:
                _FOLLOWING.remove(self)

    def _say_off(self, error: Exception) -> None:
        """Say in the card that it follows no more: what a thread logs lands below any cell."""
        again = f"%watch {self.folder.title}"
        try:
            self.view(
                Notice(f"this view failed and is off: {error!r}; {again} opens another", "warning")
            )
        except Exception:
            logging.getLogger("nbtune").debug("a view is off", exc_info=True)

    def begin(self, control: Steerable, *, wait: bool) -> bool:
        """Follow until the run has ended, or beside the cell; says whether it has ended.

        An interrupt ends the following, not the run.
        """
        if wait:
            with _interrupts_end_watching(self.folder):
                self.follow()
            return self.view.view.stop is not None
        words = _about(self.folder, control)
        if isinstance(self.view, CardView):
            self.view.say_below(words)
            self.rest.enter_context(self.view.steers(control, self.folder, is_ours=False))
            self.follow_beside()
        else:
            self.view(Notice(words))
        return False


def watch(
    folder: RunFolder, mode: str | None, steering: Callable[[], Steerable], *, wait: bool
) -> None:
    """Show a run as it is, and as it goes on while it trains.

    Parameters
    ----------
    mode : str, optional
        How; see `open_view`.
    steering : callable
        Returns what steers the run, where it trains.
    wait : bool
        Return when the run has ended, not at once.
    """
    with _interrupts_end_watching(folder) as check:
        view = open_view(folder.title, mode)
        if view is None:
            return
        following = Watch(folder, view)
        following.heard = 0.0  # whether it trains is asked at once
        if following.look():
            check()
            can_look_on = isinstance(view, CardView) and not is_headless()
            following.begin(steering(), wait=wait or not can_look_on)
        else:
            view.close()


@contextmanager
def _interrupts_end_watching(folder: RunFolder) -> Iterator[Callable[[], None]]:
    """Let an interrupt inside this block end it, and say that the run goes on."""
    try:
        with interrupts_kept() as check:
            yield check
    except KeyboardInterrupt:
        print(f"nbtune: {folder.title} is not watched any more; it goes on")


def is_shown_here(folder: RunFolder) -> bool:
    """Whether the cell that runs now shows this run already."""
    here = _cell()
    return here is not None and any(
        one.cell == here and one.folder.path == folder.path for one in _FOLLOWING
    )


def _cell() -> int | None:
    """Return the number of the cell that runs now, None outside a notebook."""
    kernel = find_kernel()
    return None if kernel is None else kernel.shell.execution_count


def _about(folder: RunFolder, control: Steerable) -> str:
    if not control.is_remote:
        return HERE
    trainer = folder.trainer
    if not trainer.get("in_background"):
        return ELSEWHERE
    return IN_BACKGROUND.format(pid=trainer["pid"], title=folder.title)
