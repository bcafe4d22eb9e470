"""Where a run is shown: a card in a notebook, lines in a terminal, or nowhere.

The place is asked what it can do, never who made it.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Protocol, TextIO

from nbtune.errors import RecipeError, did_you_mean
from nbtune.events import (
    BaselineScored,
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
from nbtune.panels.chart import chart_summary, control_words
from nbtune.panels.html import duration, number, render
from nbtune.panels.state import RunView

MODES = ("auto", "rich", "text", "none")
REFRESHES_PER_SECOND = 3.0
LARGEST_SHARE = 0.005
"""The view takes at most this share of one core, on any machine."""


class LiveView(Protocol):
    """Something that is told events and shows them until it is closed.

    It ends with the tables of the run, unless somebody else shows them.
    """

    def __call__(self, event: Event) -> None: ...  # noqa: D102
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
    return CardView(title) if chosen == "rich" else LineView(title)


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
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


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


class LineView:
    """Lines for a terminal: one that is rewritten, and one that stays for each evaluation."""

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self.view = RunView(title)
        self.stream = stream or sys.stderr
        self.rewrites = self.stream.isatty()
        self.drawn = 0.0

    def __call__(self, event: Event) -> None:
        """Take an event in, and write what is worth a line."""
        self.view.apply(event)
        match event:
            case PhaseStarted():
                self._stay(f"{event.phase} ...")
            case Notice():
                self._stay(f"{event.level}: {event.text}")
            case Controlled():
                self._stay(f"after step {event.step}: {control_words(event)}")
            case BaselineScored():
                self._stay(f"{event.name}: {_scores(event.scores)}")
            case Evaluated():
                kept = " (best so far)" if event.best else ""
                self._stay(
                    f"epoch {event.epoch:.3g}: validation loss {number(event.loss)}, "
                    f"{_scores(event.scores)}{kept}"
                )
            case LayersUnfrozen():
                count = event.trainable_parameters
                self._stay(f"step {event.step:,}: one more layer is trained, {count:,} weights now")
            case StepsDone() if time.monotonic() - self.drawn >= 1 / REFRESHES_PER_SECOND:
                self._rewrite(status_line(self.view))

    def close(self, *, tables: bool = True) -> None:
        """Write how it ended."""
        self._stay(card_text(self.view) if tables else status_line(self.view))

    def _stay(self, text: str) -> None:
        erase = "\r\x1b[2K" if self.rewrites else ""
        print(f"{erase}{text}", file=self.stream, flush=True)

    def _rewrite(self, text: str) -> None:
        self.drawn = time.monotonic()
        if self.rewrites:
            print(f"\r\x1b[2K{text}", end="", file=self.stream, flush=True)


class Progress:
    """How far a piece of work is; shown only once it is seen to take longer than a moment.

    Called with what is done and what there is in all; works as a context.
    """

    def __init__(self, what: str, mode: str | None = None) -> None:
        self.what, self.mode = what, choose_mode(mode)
        self.began = self.drawn = time.monotonic()
        self.handle: Any = None
        self.done = self.total = 0

    def __enter__(self) -> Progress:
        return self

    def __call__(self, done: int, total: int) -> None:
        """Take in how far it is, and draw when it is time to."""
        self.done, self.total = done, total
        if time.monotonic() - self.drawn >= 1 / REFRESHES_PER_SECOND:
            self.drawn = time.monotonic()
            self._draw()

    def __exit__(self, *failure: object) -> None:
        if self.handle is None:
            return
        seconds = duration(time.monotonic() - self.began)
        text = f"{self.what}: {self.done:,} of {self.total:,} in {seconds}"
        if self.mode == "text":
            print(f"\r\x1b[2K{text}", file=sys.stderr, flush=True)
        else:
            self.handle.update({"text/plain": text}, raw=True)

    def _draw(self) -> None:
        text = f"{self.what}: {self.done:,} of {self.total:,}"
        if self.mode == "text" and sys.stderr.isatty():
            self.handle = True
            print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)
        elif self.mode == "rich":
            html = render(
                "progress.html.j2", text=text, done=self.done, total=self.total, what=self.what
            )
            bundle = {"text/plain": text, "text/html": html}
            if self.handle is None:
                from IPython.display import display

                self.handle = display(bundle, raw=True, display_id=True)
            else:
                self.handle.update(bundle, raw=True)


def _scores(scores: dict[str, float]) -> str:
    shown = [name for name in ("f1_macro", "accuracy", "roc_auc") if name in scores]
    return ", ".join(f"{name} {number(scores[name])}" for name in shown)
