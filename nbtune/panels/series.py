"""The curve of the run that trains, over those of the runs that trained before it."""

from __future__ import annotations

from markupsafe import Markup

from nbtune.events import Event
from nbtune.panels.chart import Look, loss_chart
from nbtune.panels.curve import MOST, Curve, legend
from nbtune.panels.html import render
from nbtune.panels.state import RunView


class Series:
    """Runs that train one after the other in one chart, such as the seeds of a recipe.

    Parameters
    ----------
    first : RunView
        A run that trained before, which is always shown.
    """

    def __init__(self, first: RunView) -> None:
        self.before = [Curve.of(first)]
        self.view: RunView | None = None

    def begin(self, title: str) -> None:
        """Draw another run from now on."""
        self.view = RunView(title)

    def add(self, view: RunView) -> None:
        """Draw a run that is over under those to come."""
        self.before.append(Curve.of(view))
        self.view = None

    def __call__(self, event: Event) -> None:
        """Take in what happens to the present run."""
        if self.view is not None:
            self.view.apply(event)

    def html(self) -> str:
        """Return the chart as it is now."""
        if self.view is None:
            return ""
        beside = (self.before[0], *self.before[1:][1 - MOST :])
        return render(
            "series.html.j2",
            title=self.view.title,
            chart=Markup(loss_chart(self.view, Look(beside=beside))),  # noqa: S704 - it escapes
            beside=legend(beside, self.view.step),
        )
