"""Contenders measured in turns, so that a busy machine is unfair to all of them alike."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median
from typing import TypeVar

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Spread:
    """The middle of some numbers, and how far apart they lie."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{number(self.middle)} ({number(self.low)}-{number(self.high)})"


def number(value: float) -> str:
    """Return a number to three digits, large ones whole."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def spread(numbers: Sequence[float]) -> Spread:
    """Return median, smallest and largest.

    Examples
    --------
    >>> print(spread([1.0, 1.5, 1.1]))
    1.1 (1-1.5)
    """
    return Spread(median(numbers), min(numbers), max(numbers))


def alternate(
    contenders: Mapping[str, Callable[[int], Measured]], rounds: int
) -> list[dict[str, Measured]]:
    """Measure every contender once a round, in turned order every other round.

    Parameters
    ----------
    contenders : mapping
        By name, a function of the round's number, from 0.
    """
    found = []
    for number in range(rounds):
        order = list(contenders)[:: -1 if number % 2 else 1]
        measured = {name: contenders[name](number) for name in order}
        found.append({name: measured[name] for name in contenders})
    return found


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""

    def line(cells: Sequence[object]) -> str:
        return (
            "| " + " | ".join(f"{c:.4g}" if isinstance(c, float) else str(c) for c in cells) + " |"
        )

    rule = "|" + "|".join("---" if i == 0 else "---:" for i in range(len(head))) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def machine(*packages: str) -> str:
    """Say on what, and with which versions, the figures were made."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    cores = f"{os.cpu_count()} cores ({platform.machine()})"
    return f"{cores}, {load}; Python {platform.python_version()}, {versions}"
