"""The learning rate that a range test suggests, as an object with faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbtune.panels import findings as faces
from nbtune.records import RateSearch
from nbtune.results.pictured import Pictured

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class RateFinding(Pictured):
    """A suggested learning rate, and what it is made from.

    Parameters
    ----------
    record : RateSearch
        The rates that were tried, and their losses.
    """

    def __init__(self, record: RateSearch) -> None:
        self.record = record

    @property
    def suggestion(self) -> float | None:
        """The suggested rate; None where no rate was seen to learn."""
        return self.record.suggestion

    @property
    def text(self) -> str:
        """What was found, as lines of at most 80 characters."""
        return faces.findings_text(self._rows())

    def figure(self) -> Figure:
        """Return the loss over the rates as a matplotlib figure."""
        from nbtune.plots.rates import rates_figure

        return rates_figure(self.record)

    def _rows(self) -> list[faces.Row]:
        record, tried = self.record, len(self.record.losses)
        early = ", until the loss rose" if tried < len(record.rates) else ""
        rows = [
            ("tried", f"{record.model}, method {record.method}", ""),
            (
                "learning rates",
                f"{tried} of {len(record.rates)} from {record.rates[0]:.1e} to "
                f"{record.rates[-1]:.1e}{early}",
                "",
            ),
        ]
        if record.lowest is None:
            return [
                *rows,
                (
                    "suggestion",
                    "none: the loss did not fall at any of them",
                    f"try others with --max-lr, or keep learning_rate: {record.usual:g}",
                ),
            ]
        lowest, smooth = record.rates[record.lowest], record.smooth[record.lowest]
        at_end = record.lowest == len(record.rates) - 1
        return [
            *rows,
            (
                "lowest loss",
                f"{smooth:.3f} at {lowest:.1e}",
                "it still fell: a higher --max-lr may find a higher rate" if at_end else "",
            ),
            (
                "suggestion",
                f"learning_rate: {record.suggestion:g} (put this line into the recipe; "
                f"usual is {record.usual:g})",
                "",
            ),
        ]

    def _separate_figures(self) -> dict[str, Figure]:
        return {"rates": self.figure()}

    def __repr__(self) -> str:
        found = "none" if self.suggestion is None else f"{self.suggestion:g}"
        return f"<RateFinding for {self.record.model}, {self.record.method}: {found}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return faces.findings_bundle(self._rows())
