"""The card of a run while it trains: kept up to date by time, and a plain picture at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nbtune.events import (
    Controlled,
    Evaluated,
    Event,
    LayersUnfrozen,
    Notice,
    PhaseStarted,
    RunStarted,
    RunStopped,
    StepsDone,
)
from nbtune.panels.card import (
    card_html,
    card_markdown,
    card_text,
    final_html,
    status_line,
)
from nbtune.panels.chart import chart_summary
from nbtune.panels.display import REFRESHES_PER_SECOND, in_kernel, is_headless
from nbtune.panels.html import render
from nbtune.panels.state import RunView

if TYPE_CHECKING:
    from IPython.display import DisplayHandle

    from nbtune.panels.panel import Panel
    from nbtune.panels.toolbar import Steerable
    from nbtune.runs import RunFolder

LONGEST_NAME = 24
LIVE_COLOURS = 48
"""Of the picture of curves, which is sent again and again where nothing answers."""
MOST_OWED = 2.0
"""Seconds that refreshes which came before their time put off those after them."""
LARGEST_SHARE = 0.005
"""Drawing takes at most this share of the time, on any machine."""
MOST_STRETCHED = 10.0
"""By more than this no drawing is slowed by other processes: one that is, was put to sleep."""
MOST_LETTERS = 15_000
"""A second, however large the card; the envelopes of messages come on top."""


class CardView:
    """One output that is kept up to date by time, and at the end becomes a plain picture."""

    def __init__(self, title: str) -> None:
        from IPython.display import display

        self.view = RunView(title)
        self.history: list[tuple[float, Event]] = []
        self.cost = 0.0
        self.sent = 0
        self.due = time.monotonic()
        self.panel: Panel | None = None
        self.fell_back = False
        self.handle = display(self._bundle(), raw=True, display_id=True)
        self.foot: DisplayHandle | None = None

    def __call__(self, event: Event) -> None:
        """Take an event in, and draw when it is time to."""
        self._take(event)
        self.poll()  # an evaluation has no steps between which it could be
        at_once = isinstance(event, PhaseStarted | RunStarted | Evaluated | RunStopped | Notice)
        if isinstance(event, Controlled):  # a slider may send many; in a pause nothing else comes
            at_once = self.view.is_paused or event.action == "resume"
        if at_once or time.monotonic() >= self.due:
            self.refresh()
        if isinstance(event, RunStarted):
            self.due = time.monotonic()  # so that the curve begins at once

    def poll(self) -> None:
        """Do what was asked of the panel, if there is one."""
        if self.panel is not None:
            self.panel.poll()

    def catch_up(self, events: Iterable[Event]) -> None:
        """Take in what happened before, and draw once."""
        for event in events:
            self._take(event)
        self.refresh()

    def _take(self, event: Event) -> None:
        self.view.apply(event)
        if isinstance(event, RunStarted | StepsDone | Evaluated | LayersUnfrozen | Controlled):
            self.history.append((0.0, event))

    def say_below(self, words: str) -> None:
        """Say something below the card, where the tables of its end will stand.

        A view that outlives its cell needs that place: what is shown anew by then is out of place.
        """
        from IPython.display import display

        html = render("aside.html.j2", words=words)
        self.foot = display({"text/plain": words, "text/html": html}, raw=True, display_id=True)

    @contextmanager
    def steers(
        self, control: Steerable, folder: RunFolder | None = None, *, is_ours: bool = True
    ) -> Iterator[None]:
        """Show controls above the card inside this block, where a page can answer.

        Parameters
        ----------
        folder : RunFolder, optional
            Where the run lies; others that lie there can be drawn below it.
        is_ours : bool
            Whether the run trains in this very cell, which then is too busy to hear the page.
        """
        self.panel = _panel_of(control, self.view, folder, is_ours)
        if self.panel is None:
            yield
            return
        self.panel.redraw = self.refresh
        self.handle.update(self._bundle() | self.panel.bundle, raw=True)
        try:
            yield
        finally:
            self.panel.leave()

    @property
    def interval(self) -> float:
        """Seconds between two refreshes, longer where one costs or sends more."""
        return max(1 / REFRESHES_PER_SECOND, self.cost / LARGEST_SHARE, self.sent / MOST_LETTERS)

    def refresh(self) -> None:
        """Draw the card as it is now; one that was not due yet puts off those that are."""
        began, worked = time.perf_counter(), time.thread_time()
        self.sent = self._draw()
        # By the clock, as pauses are: among other processes drawing takes longer, and so do steps.
        spent = time.perf_counter() - began
        spent = min(spent, MOST_STRETCHED * (time.thread_time() - worked))
        self.cost = spent if not self.cost else 0.7 * self.cost + 0.3 * spent
        now = time.monotonic()
        self.due = now + self.interval + min(max(self.due - now, 0.0), MOST_OWED)

    def _draw(self) -> int:
        """Draw in the widgets; in the display where no page says that it shows them.

        Returns how many letters were sent.
        """
        panel = self.panel
        if panel is None or panel.is_late:
            self.fell_back = panel is not None
            return self._send(self._bundle())
        sent = panel.show(self.view)
        if self.fell_back and panel.is_answered:  # late, but there
            self.fell_back = False
            sent += self._send(self._bundle() | panel.bundle)
        return sent

    def _send(self, bundle: dict[str, Any]) -> int:
        self.handle.update(bundle, raw=True)
        return sum(len(part) for part in bundle.values())

    def close(self, *, tables: bool = True) -> None:
        """Replace the live card by a picture and tables that need no kernel and no script."""
        text = f"{self.view.title}: {chart_summary(self.view)}"
        few = {"text/plain": status_line(self.view)}
        if len(self.view.steps) > 1:
            self.handle.update({"image/png": self._picture(), "text/plain": text}, raw=True)
            if tables:
                self._show_tables()
        else:
            in_place = tables and self.foot is None
            self.handle.update(self._tables() if in_place else few, raw=True)
            if tables and not in_place:
                self._show_tables()
        if self.panel is not None:
            self.panel.end(self.view)

    def _show_tables(self) -> None:
        from IPython.display import display

        if self.foot is None:
            display(self._tables(), raw=True)
        else:
            self.foot.update(self._tables(), raw=True)

    def _tables(self) -> dict[str, str]:
        return {
            "text/plain": card_text(self.view),
            "text/markdown": card_markdown(self.view),
            "text/html": final_html(self.view),
        }

    def _bundle(self) -> dict[str, Any]:
        return {"text/plain": status_line(self.view), "text/html": card_html(self.view)}

    def _picture(self) -> str:
        """Return the curves as PNG; matplotlib is imported only now, when nothing waits."""
        from base64 import b64encode

        from nbtune.plots.loss import plot_loss
        from nbtune.plots.png import to_png
        from nbtune.plots.style import name_at_left, new_figure
        from nbtune.plots.texts import short

        figure, axes = new_figure(6.6, 2.5)
        plot_loss(self.history, axes[0, 0])
        # A cell that trains several shows the tables of the last one only.
        name_at_left(axes[0, 0], short(self.view.title, LONGEST_NAME))
        return b64encode(to_png(figure, colours=LIVE_COLOURS)).decode()


def _panel_of(
    control: Steerable, view: RunView, folder: RunFolder | None, is_ours: bool
) -> Panel | None:
    """Make the widgets, where there is a person and a page to draw them; a run needs none."""
    if not in_kernel() or is_headless():
        return None
    try:
        from nbtune.panels.panel import open_panel

        return open_panel(control, view, folder, is_ours=is_ours)
    except Exception:
        logging.getLogger("nbtune").warning("no buttons here", exc_info=True)
        return None
