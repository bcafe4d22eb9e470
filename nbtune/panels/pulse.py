"""A sign of life of the kernel; a page to which none comes any more says so by itself."""

from __future__ import annotations

import logging
import threading

import ipywidgets as widgets

from nbtune.panels.html import render

BEAT, PATIENCE = 5.0, 15
"""Seconds between two signs, and without one until the page says that none came."""


class Pulse:
    """Words that a page shows once they have not been sent anew for a while.

    A kernel that was killed cannot say so, and a page notices a restart only where somebody asked
    for it. So each sign starts a clock in the page, a delayed animation, and the next sign takes it
    away. They come from a thread: a step may last for minutes.

    Attributes
    ----------
    shown : HTML
        What is to be displayed.
    """

    def __init__(self, title: str) -> None:
        self.title, self.beats = title, 0
        self.shown = widgets.HTML(self._words())
        self._over = threading.Event()

    def begin(self) -> None:
        """Give signs until `end`."""
        threading.Thread(target=self._go, name="nbtune-pulse", daemon=True).start()

    def end(self) -> None:
        """Give none any more, and leave no clock behind."""
        self._over.set()
        self.shown.value = ""

    def _go(self) -> None:
        try:
            while not self._over.wait(BEAT):
                self.beats += 1
                self.shown.value = self._words()
                if self._over.is_set():
                    self.shown.value = ""
        except Exception:  # the widgets may be gone by now
            logging.getLogger("nbtune").debug("no signs of life any more", exc_info=True)

    def _words(self) -> str:
        return render("pulse.html.j2", title=self.title, seconds=PATIENCE, beats=self.beats)
