"""What each token does, by the gradients of a score at its embedding."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbtune.understanding.reader import Asked, Score

Method = Callable[[Asked, Score], tuple[Tensor, int]]
"""(row, score) to what each token does, and the points that it took."""
FEWEST, MOST = 16, 256
CLOSE = 0.01
"""What words do may miss the difference by this part of all that they do, for and against."""


def integrated_gradients(reader: Asked, score: Score) -> tuple[Tensor, int]:
    """Return what each token does, of shape (tokens,), and the points that it took.

    The gradients on the straight way from the blank text to the text (Sundararajan, Taly and Yan
    2017), by Gauss and Legendre's rule; with twice as many points until they add up to the
    difference that they explain.
    """
    difference = _difference(reader, score)
    steps = FEWEST
    while True:
        found = _along(reader, score, steps)
        missing = float((found.sum() - difference).abs())
        if missing <= CLOSE * float(found.abs().sum()) or steps >= MOST:
            return found, steps
        steps *= 2


def _along(reader: Asked, score: Score, steps: int) -> Tensor:
    points, weights = _rule(steps)
    way = reader.states - reader.blanks
    total = torch.zeros_like(way)
    rows = max(1, 2048 // len(way))  # with what gradients need, memory goes faster
    for start in range(0, steps, rows):
        at = torch.tensor(points[start : start + rows], dtype=way.dtype, device=way.device)
        by = torch.tensor(weights[start : start + rows], dtype=way.dtype, device=way.device)
        gradients = _gradients(reader, score, reader.blanks + at[:, None, None] * way)
        total += (by[:, None, None] * gradients).sum(0)
    return (total * way).sum(-1)


def gradient_x_input(reader: Asked, score: Score) -> tuple[Tensor, int]:
    """Return the gradient at each token times its embedding (Shrikumar et al. 2016)."""
    gradients = _gradients(reader, score, reader.states[None])[0]
    return (gradients * reader.states).sum(-1), 1


def _gradients(reader: Asked, score: Score, states: Tensor) -> Tensor:
    states = states.detach().requires_grad_()
    found: Tensor = torch.autograd.grad(score(reader.ask(states)).sum(), states)[0]
    return found


def _difference(reader: Asked, score: Score) -> Tensor:
    with torch.no_grad():
        scores = score(reader.ask(torch.stack([reader.states, reader.blanks])))
    return scores[0] - scores[1]


@cache
def _rule(steps: int) -> tuple[Any, Any]:
    points, weights = np.polynomial.legendre.leggauss(steps)
    return (points + 1) / 2, weights / 2
