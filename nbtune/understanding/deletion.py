"""Whether the words that an explanation names are those that a prediction rests on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nbtune.records import Deletion
from nbtune.understanding.reader import Asked, Score

MOST_POINTS = 16
ORDERS = 5
"""Random orders beside the one that is judged."""
LONG = 128
"""Tokens; a longer row is judged at half as many points, beside two random orders."""


def deletion(
    reader: Asked, measure: Score, values: Mapping[int, float], seed: int = 42
) -> Deletion:
    """Blank words out, those with the highest values first, and see what is left.

    The deletion curve of Samek et al. (2017), beside the mean of a few random orders.

    Parameters
    ----------
    measure : callable
        Logits to what is watched, such as a probability.
    values : mapping
        What each word does, by its number.
    """
    words, count = list(values), len(values)
    is_long = len(reader.states) > LONG
    points = min(count, MOST_POINTS // 2 if is_long else MOST_POINTS)
    counts = sorted({round(x) for x in np.linspace(0, count, points + 1)})
    rng = np.random.default_rng(seed)
    ranked = sorted(words, key=lambda word: -values[word])
    others = 2 if is_long else ORDERS
    orders = [ranked, *(rng.permutation(words).tolist() for _ in range(others))]
    asked = [order[:n] for order in orders for n in counts]
    left = measure(reader.without(asked)).float().cpu().numpy().reshape(len(orders), len(counts))
    return Deletion(
        tuple(counts), tuple(map(float, left[0])), tuple(map(float, left[1:].mean(axis=0)))
    )
