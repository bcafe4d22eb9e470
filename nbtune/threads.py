"""Threads that sleep while they wait for each other."""

from __future__ import annotations

import os
import sys


def wait_asleep() -> None:
    """Have OpenMP's threads sleep rather than spin at their meeting points.

    Spinning threads hold a core that a neighbour could use, and are then late themselves: on two
    cores, two busy neighbours make a step of training over ten times slower. It must be decided
    before torch is loaded; later, or where the user has decided, this does nothing.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
