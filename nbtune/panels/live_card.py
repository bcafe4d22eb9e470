"""The card of a run while it trains: kept up to date by time, and a plain picture at the end."""

from __future__ import annotations

import time
from typing import Any

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
from nbtune.panels.card import card_html, card_markdown, card_text, final_html, status_line
from nbtune.panels.chart import chart_summary
from nbtune.panels.display import REFRESHES_PER_SECOND
from nbtune.panels.state import RunView

LARGEST_SHARE = 0.005
"""The view takes at most this share of one core, on any machine."""


class CardView:
    """One output that is kept up to date by time, and at the end becomes a plain picture."""

    def __init__(self, title: str) -> None:
        from IPython.display import display

        self.view = RunView(title)
        self.history: list[tuple[float, Event]] = []
        self.cost = 0.0
        self.drawn = time.monotonic()
        self.handle = display(self._bundle(), raw=True, display_id=True)

    def __call__(self, event: Event) -> None:
        """Take an event in, and draw when it is time to."""
        self.view.apply(event)
        kept = RunStarted | StepsDone | Evaluated | LayersUnfrozen | Controlled
        if isinstance(event, kept):
            self.history.append((0.0, event))
        at_once = isinstance(event, PhaseStarted | RunStarted | Evaluated | RunStopped | Notice)
        if isinstance(event, Controlled):  # a slider may send many; in a pause nothing else comes
            at_once = self.view.is_paused or event.action == "resume"
        if at_once or time.monotonic() - self.drawn >= self.interval:
            self.refresh()

    @property
    def interval(self) -> float:
        """Seconds between two refreshes, longer where one costs more."""
        return max(1 / REFRESHES_PER_SECOND, self.cost / LARGEST_SHARE)

    def refresh(self) -> None:
        """Draw the card as it is now."""
        began = time.thread_time()
        self.handle.update(self._bundle(), raw=True)
        spent = time.thread_time() - began
        self.cost = spent if not self.cost else 0.7 * self.cost + 0.3 * spent
        self.drawn = time.monotonic()

    def close(self, *, tables: bool = True) -> None:
        """Replace the live card by a picture and tables that need no kernel and no script."""
        from IPython.display import display

        text = f"{self.view.title}: {chart_summary(self.view)}"
        if len(self.view.steps) > 1:
            self.handle.update({"image/png": self._picture(), "text/plain": text}, raw=True)
            if tables:
                display(self._tables(), raw=True)
        else:
            few = {"text/plain": status_line(self.view)}
            self.handle.update(self._tables() if tables else few, raw=True)

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
        from nbtune.plots.style import new_figure, to_png

        figure, axes = new_figure(6.6, 2.5)
        plot_loss(self.history, axes[0, 0])
        return b64encode(to_png(figure)).decode()
