"""Signs for what people do to a run, the same in the live chart and in the picture that is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sign:
    """What an action is called, and its sign.

    Attributes
    ----------
    words : str
        As a legend says it.
    path : str
        The sign in SVG, about 8 pixels wide, from its middle.
    marker : str
        The same in matplotlib.
    """

    words: str
    path: str
    marker: str


SIGNS = {
    "change": Sign("changed", "m0-4 4 4-4 4-4-4z", "D"),
    "pause": Sign("paused", "m-3.5-4h2.5v8h-2.5zm4.5 0h2.5v8h-2.5z", "s"),
    "resume": Sign("went on", "m-3-4 7 4-7 4z", ">"),
    "save": Sign("saved", "m-4-3.5h8l-4 7.5z", "v"),
    "evaluate": Sign("scored", "m-3.5 0a3.5 3.5 0 1 0 7 0 3.5 3.5 0 1 0-7 0z", "o"),
}
"""By the action of `nbtune.events.Controlled`; no two are alike without colour."""
