"""A run tells what happens: each event is written down first, and shown second."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from nbtune.errors import NbtuneError, RunError
from nbtune.events import EvaluationProgress, Event, Notice, PhaseStarted, RunStopped
from nbtune.runs import RunFolder

if TYPE_CHECKING:
    from nbtune.engine.control import Control
    from nbtune.panels.display import LiveView


class Teller:
    """Writes an event down, then shows it; a view that fails is switched off with a warning.

    Events wait until there is a folder to write into, or room on a full disk. A view that is taken
    away (None) is left open for who took it.
    """

    def __init__(self, view: LiveView | None) -> None:
        self.view = view
        self.folder: RunFolder | None = None
        self.waiting: list[Event] = []
        self.phase = "starting"
        self.stop: RunStopped | None = None
        self.stopped = False

    def __call__(self, event: Event) -> None:
        """Write an event down and show it; the progress of an evaluation is only shown."""
        self.stopped = isinstance(event, RunStopped)
        if not isinstance(event, EvaluationProgress):
            self.waiting.append(event)
            self._write()
        self.show(event)

    def attach(self, folder: RunFolder) -> None:
        """Write down what waited, and from now on each event as it comes."""
        self.folder = folder
        self._write()

    def _write(self) -> None:
        while self.folder is not None and self.waiting:
            try:
                self.folder.append(self.waiting[0])
            except OSError:
                return
            del self.waiting[0]

    def end(self, reason: str, message: str) -> None:
        """Tell that something outside the training ended the run, unless its end was told.

        What an earlier training of this run left counts as before.
        """
        if not self.stopped:
            before = self.stop or RunStopped(0, "")
            self(RunStopped(before.step, reason, before.best_step, message, before.seconds))

    @contextmanager
    def steered_by(self, control: Control, folder: RunFolder) -> Iterator[None]:
        """Let the view steer the run of a folder inside this block, if it can."""
        steers = getattr(self.view, "steers", None)
        with nullcontext() if steers is None else steers(control, folder):
            yield

    def show(self, event: Event) -> None:
        """Show an event without writing it down."""
        self._remember(event)
        self._draw(lambda view: view(event))

    def recall(self, events: Sequence[Event]) -> None:
        """Have the view take in what happened before, all at once."""
        for event in events:
            self._remember(event)
        if events:
            self._draw(lambda view: _catch_up(view, events))

    def _remember(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self.phase = event.phase
        elif isinstance(event, RunStopped):
            self.stop = event

    def _draw(self, show: Callable[[LiveView], None]) -> None:
        if self.view is None:
            return
        try:
            show(self.view)
        except Exception as error:  # noqa: BLE001 - a picture must never end a training
            self.view = None
            self(Notice(f"the live view failed and is off: {error!r}", "warning"))


def _catch_up(view: Callable[[Event], None], events: Sequence[Event]) -> None:
    at_once = getattr(view, "catch_up", None)  # who only counts steps has none
    if at_once is not None:
        at_once(events)
        return
    for event in events:
        view(event)


@contextmanager
def watching(title: str, display: str | None, show_result: bool) -> Iterator[Teller]:
    """Show what happens inside this block, and how it ended, whatever ended it.

    Without ``show_result`` the tables at the end are left to who shows the run, if there is one.
    """
    from nbtune.panels.display import open_view

    view = open_view(title, display)
    teller = Teller(view)
    whole = True
    try:
        yield teller
        whole = show_result
    except KeyboardInterrupt:
        teller.end("interrupted", f"interrupted while {teller.phase}")
        raise
    except Exception as error:
        teller.end("failed", error.problem if isinstance(error, NbtuneError) else repr(error))
        whole = teller.folder is not None  # before there is a run, the error says it all
        raise
    finally:
        if view is not None and teller.view is not None:
            view.close(tables=whole)


@contextmanager
def room_for(folder: RunFolder) -> Iterator[None]:
    """Say in our words that a disk is full, or cannot be written any more."""
    try:
        yield
    except Exception as error:
        number = _number_of(error)
        if number not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        raise RunError(
            f"cannot write to {folder.path}: {os.strerror(number)}",
            hint=f"make room, then: %resume {folder.title}",
        ) from None


def _number_of(error: Exception) -> int | None:
    """Return the system's number of an error, which tokenizers' errors have in their text only."""
    if isinstance(error, OSError):
        return error.errno
    told = re.search(r"\(os error (\d+)\)$", str(error))
    return int(told[1]) if told else None
