"""A number, and how far it could be off."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """A number with its 95 % interval; ``low`` and ``high`` are NaN where none was made."""

    value: float
    low: float = math.nan
    high: float = math.nan
