"""A patch of an image, shaded by what it does."""

from __future__ import annotations

from dataclasses import dataclass

FOR, AGAINST = "#0072b2", "#d55e00"


@dataclass(frozen=True)
class Patch:
    """A patch, in parts of the picture's sides; ``depth`` is how much of its colour covers it."""

    column: int
    row: int
    colour: str
    depth: float
