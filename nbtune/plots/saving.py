"""Figures for print: vectors, with letters that stay letters, on white paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.errors import NbtuneError
from nbtune.plots.style import GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "pdf", "png")
INK = "#262626"
_LETTERS: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "nbtune"}
_DPI = 300


def save_figures(
    figures: Mapping[str, Figure], folder: str | Path, formats: Iterable[str] = ("svg", "pdf")
) -> list[Path]:
    """Write each figure into a folder, by its name and in each format.

    What is grey on screens, so that it reads on white and on black, is dark on paper. The figures
    are used up.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    NbtuneError
        When a format is not known, or the folder cannot be written.
    """
    import matplotlib

    formats = (formats,) if isinstance(formats, str) else tuple(formats)
    if unknown := [name for name in formats if name not in FORMATS]:
        raise NbtuneError(
            f"formats: {', '.join(map(repr, unknown))} is none that figures are saved in",
            hint=f"take {', '.join(FORMATS)}",
        )
    place, written = Path(folder).expanduser(), []
    try:
        place.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context(_LETTERS):
            for name, figure in figures.items():
                _in_ink(figure)
                for kind in formats:
                    file = place / f"{name}.{kind}"
                    # The same figure gives the same file: no date is written into it.
                    about = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
                    figure.savefig(file, dpi=_DPI, facecolor="white", metadata=about)
                    written.append(file)
    except OSError as error:
        raise NbtuneError(
            f"the figures cannot be written to {place}: {error.strerror}",
            hint="name another folder",
        ) from error
    return written


def _in_ink(figure: Figure) -> None:
    """Turn what is grey dark, and the page white."""
    figure.patch.set_alpha(1)
    for artist in figure.findobj():
        for name in ("color", "edgecolor", "markeredgecolor"):
            _turn(artist, name)
    for ax in figure.axes:
        ax.tick_params(colors=INK)


def _turn(artist: Any, name: str) -> None:
    from matplotlib.colors import same_color

    read, write = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
    if read is None or write is None:
        return
    try:
        if same_color(read(), GREY):
            write(INK)
    except ValueError:  # "none", or one colour for each of several
        return
