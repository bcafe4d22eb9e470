"""How far a piece of work is, for whoever waits for it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from nbtune.panels.display import REFRESHES_PER_SECOND, choose_mode
from nbtune.panels.html import duration, render

SECONDS_WITH_MORE = 1.0
"""Between two refreshes of a bar with a chart below it."""
Display = str | Callable[[str], None] | None
"""How to show something: see `nbtune.panels.display.choose_mode`; or what takes it as HTML."""


class Progress:
    """How far a piece of work is; shown only once it is seen to take longer than a moment.

    Called with what is done and what there is in all; works as a context.

    Parameters
    ----------
    what : str
        What is worked on.
    mode : str or callable, optional
        See `Display`.
    below : callable, optional
        Returns what stands below the bar meanwhile, as HTML.
    """

    def __init__(
        self, what: str, mode: Display = None, below: Callable[[], str] | None = None
    ) -> None:
        self.what, self.below = what, below
        self.place = mode if callable(mode) else None
        self.mode = "place" if callable(mode) else choose_mode(mode)
        self.began = self.drawn = time.monotonic()
        self.handle: Any = None
        self.done = self.total = 0

    def __enter__(self) -> Progress:
        return self

    def __call__(self, done: int, total: int) -> None:
        """Take in how far it is, and draw when it is time to."""
        self.done, self.total = done, total
        pause = 1 / REFRESHES_PER_SECOND if self.below is None else SECONDS_WITH_MORE
        if time.monotonic() - self.drawn >= pause:
            self.drawn = time.monotonic()
            self._draw()

    def begin(self, total: int) -> None:
        """Say at once how much there is, of work that is known to take long."""
        self.total = total
        self._draw()

    def __exit__(self, *failure: object) -> None:
        if self.place is not None:
            self.place("")
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
        if self.mode in ("text", "none"):
            return
        html = render(
            "progress.html.j2", text=text, done=self.done, total=self.total, what=self.what
        )
        html += self.below() if self.below is not None else ""
        if self.place is not None:
            self.place(html)
        else:
            bundle = {"text/plain": text, "text/html": html}
            if self.handle is None:
                from IPython.display import display

                self.handle = display(bundle, raw=True, display_id=True)
            else:
                self.handle.update(bundle, raw=True)
