"""Toolbar and card as widgets, which a page can answer, and which outlive a page."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets as widgets

from nbtune.panels.card import card_course, card_rest, card_style
from nbtune.panels.glance import glance_html
from nbtune.panels.html import render
from nbtune.panels.lane import Lane, open_lane
from nbtune.panels.look_bar import LookBar
from nbtune.panels.pulse import Pulse
from nbtune.panels.state import RunView
from nbtune.panels.toolbar import Steerable, Toolbar
from nbtune.runs import RunFolder

VIEW = "application/vnd.jupyter.widget-view+json"
PATIENCE = 2.0
"""Seconds in which a page that can show widgets says that it does."""

_PAST: list[Panel] = []
"""Panels of runs that ended, which no page has let go yet."""


class Panel:
    """The widgets of one run; `open_panel` makes one.

    Attributes
    ----------
    is_answered : bool
        Whether a page said that it shows the widgets.
    """

    def __init__(self, control: Steerable, view: RunView, folder: RunFolder | None = None) -> None:
        self.control = control
        self.toolbar, self.look = Toolbar(control), LookBar(folder)
        self.course = widgets.HTML(card_course(view))
        self.rest, self.glance = widgets.HTML(card_rest(view)), widgets.HTML(glance_html(view))
        self.told = view.told
        self.redraw: Callable[[], None] = _nothing
        self.pulse = Pulse(view.title)
        style = widgets.HTML(card_style(), layout=widgets.Layout(display="none"))
        no_room = widgets.Layout(height="0", min_height="0", margin="0", overflow="hidden")
        names = widgets.HTML(render("slider_names.html.j2"), layout=no_room)
        # A page that draws the box counts its view up from 0, and so says that it is there.
        self.box = widgets.VBox(
            [
                style,
                names,
                self.pulse.shown,
                self.toolbar.box,
                self.course,
                self.look.box,
                self.rest,
                self.glance,
            ],
            _view_count=0,
        )
        self.box.add_class("nbt-live")
        self.box.observe(self._count, "_view_count")
        self.opened = time.monotonic()
        self.is_answered = self.is_over = self.was_reopened = self.is_polled = False
        self.lane: Lane | None = None

    def listen(self, *, is_ours: bool = True) -> bool:
        """Begin to hear the page; False where nothing can be heard.

        Unless the run trains in this very cell, a kernel without a lane hears the page between two
        cells.
        """
        heard = [*self.toolbar.heard, *self.look.heard, self.box]
        for one in heard:
            _without_cell_events(one.comm)
        self.lane = open_lane((one.comm.comm_id for one in heard), polled=is_ours)
        self.is_polled = is_ours
        if is_ours:
            self.control.between_steps = self.poll
        self.look.beside.begin()
        self.pulse.begin()
        return not is_ours or self.lane is not None

    @property
    def bundle(self) -> dict[str, Any]:
        """What is displayed for a page to draw the widgets."""
        return {VIEW: self.box.get_view_spec()}

    @property
    def is_late(self) -> bool:
        """Whether a page would have answered by now."""
        return not self.is_answered and time.monotonic() - self.opened > PATIENCE

    def show(self, view: RunView) -> int:
        """Draw the run as it is now; returns how many letters were sent."""
        self.look.is_new = False
        self.look.beside.look_again()
        sent = _put(self.course, card_course(view, self.look.look))
        self.toolbar.show(view.words)
        if view.told != self.told:  # steps alone change nothing below the chart
            self.told = view.told
            sent += _put(self.rest, card_rest(view)) + _put(self.glance, glance_html(view))
        return sent

    def poll(self) -> None:
        """Hear what waits to be heard, and draw anew what is looked at otherwise.

        Called between two steps, by who tells the view of events: nobody else may draw.
        """
        if self.lane is not None and self.is_polled:
            try:
                self.lane.poll()
            except Exception:
                logging.getLogger("nbtune").warning("the buttons are off", exc_info=True)
                self.leave()
        if self.look.is_new:
            self.redraw()

    def leave(self) -> None:
        """Hear the page no more: there is nothing left to steer."""
        if self.is_polled:
            self.control.between_steps = _nothing
        lane, self.lane = self.lane, None
        self.look.beside.end()
        self.pulse.end()
        self.toolbar.close()
        if lane is not None:
            self.was_reopened = lane.was_reopened
            try:
                lane.close()
            except Exception:
                logging.getLogger("nbtune").warning("a lane stays open", exc_info=True)

    def end(self, view: RunView) -> None:
        """Take the widgets away, unless a page that was loaded in mid-run shows nothing else."""
        self.is_over = True
        if not self.is_answered:
            self.dispose()
        elif self.was_reopened:
            self.show(view)
            self.look.box.layout.display = "none"
        else:
            _PAST.append(self)

    def dispose(self) -> None:
        """Close every widget."""
        for widget in list(_family(self.box)):
            widget.close()

    def _count(self, change: Any) -> None:
        self.is_answered = self.is_answered or change["new"] > 0
        if self in _PAST and not change["new"]:
            _PAST.remove(self)
            self.dispose()


def open_panel(
    control: Steerable, view: RunView, folder: RunFolder | None = None, *, is_ours: bool = True
) -> Panel | None:
    """Make the widgets of a run and listen to them; None where a page could not be heard."""
    while _PAST:
        _PAST.pop().dispose()
    panel = Panel(control, view, folder)
    if panel.listen(is_ours=is_ours):
        return panel
    panel.leave()
    panel.dispose()
    return None


def _put(shown: Any, html: str) -> int:
    """Show HTML in a widget; returns how many letters are sent: none where it is as it was."""
    if shown.value == html:
        return 0
    shown.value = html
    return len(html)


def _nothing() -> None:
    """Do nothing between two steps."""


def _family(widget: Any) -> Iterator[Any]:
    """Yield a widget with all that is in it, innermost first."""
    for child in getattr(widget, "children", ()):
        yield from _family(child)
    yield from (getattr(widget, name) for name in ("style", "layout") if widget.has_trait(name))
    yield widget


def _without_cell_events(comm: Any) -> None:
    """Have messages of a comm handled as what they are, not as cells.

    IPython announces each as a cell that ended, at which the inline backend would take the pyplot
    figures of the cell that is still running.
    """
    handle = getattr(comm, "_msg_callback", None)
    if handle is not None:
        comm.handle_msg = handle
