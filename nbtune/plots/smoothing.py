"""A noisy curve made smooth."""

from __future__ import annotations

from typing import Any

import numpy as np


def smoothed(values: np.ndarray[Any, Any], strength: float = 0.9) -> np.ndarray[Any, Any]:
    """Return the exponential mean, corrected for its start as Adam's is (Kingma and Ba 2015).

    Parameters
    ----------
    strength : float
        Weight of what came before, 0 to below 1.
    """
    from scipy.signal import lfilter  # a quarter of a second that few views need

    mean = lfilter([1 - strength], [1, -strength], values)
    return np.asarray(mean / (1 - strength ** np.arange(1, len(values) + 1)))
