"""Fewer points for the same picture."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def decimate(x: Array, y: Array, points: int) -> tuple[Array, Array]:
    """Keep the lowest and highest point of each stretch, so that no spike is lost, and the last.

    Parameters
    ----------
    x, y : ndarray
        Of the same length, ``x`` ascending, ``y`` finite.
    points : int
        Return at most so many, at least 3, and all of them when there are no more.
    """
    if len(y) <= points:
        return x, y
    stretches = (points - 1) // 2
    size = -(-len(y) // stretches)
    pad = stretches * size - len(y)
    rows = np.concatenate([y, np.full(pad, y[-1])]).reshape(stretches, size)
    base = np.arange(stretches) * size
    ends = np.concatenate([base + rows.argmin(1), base + rows.argmax(1), [len(y) - 1]])
    picked = np.unique(ends.clip(max=len(y) - 1))
    return x[picked], y[picked]
