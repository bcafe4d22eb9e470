"""What results that are a picture and tables have in common."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Pictured:
    """A result that is shown as a picture and, apart from it, as tables.

    Who inherits draws the pictures and writes the tables.
    """

    def figure(self) -> Figure:
        """Return the whole picture as a matplotlib figure."""
        raise NotImplementedError

    def _separate_figures(self) -> dict[str, Figure]:
        """Return each picture as a figure of its own, by its name."""
        raise NotImplementedError

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        raise NotImplementedError

    def save_figures(
        self, folder: str | Path = "figures", formats: Iterable[str] = ("svg", "pdf")
    ) -> list[Path]:
        """Write each picture into a folder, for print: on white, with letters that stay letters.

        Parameters
        ----------
        formats : iterable of {"svg", "pdf", "png"}

        Returns
        -------
        list of Path
            What was written, such as ``figures/confusion.pdf``.

        Raises
        ------
        NbtuneError
            When a format is not known, or the folder cannot be written.
        """
        from nbtune.plots.saving import save_figures

        return save_figures(self._separate_figures(), folder, formats)

    @property
    def _brief(self) -> str:
        """What stands for a picture where there are no pictures."""
        return repr(self)

    def _pictures(self) -> list[Figure]:
        """Return the figures that are shown, one after the other."""
        return [self.figure()]

    def _ipython_display_(self) -> None:
        """Show picture and tables apart: viewers that clean HTML keep the picture."""
        from base64 import b64encode

        from IPython.display import display

        from nbtune.panels.display import in_kernel

        if in_kernel():
            from nbtune.plots.png import to_png

            for figure in self._pictures():
                png = to_png(figure, dpi=120)
                display({"image/png": b64encode(png).decode(), "text/plain": self._brief}, raw=True)
        display(self._repr_mimebundle_(), raw=True)
