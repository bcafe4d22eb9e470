"""Whether the words that an explanation names are those that a prediction rests on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nbtune.records import Deletion
from nbtune.understanding.reader import Reader, Score

MOST_POINTS = 16
ORDERS = 5
"""Random orders beside the one that is judged."""


def deletion(
    reader: Reader, measure: Score, values: Mapping[int, float], seed: int = 42
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
    counts = sorted({round(x) for x in np.linspace(0, count, min(count, MOST_POINTS) + 1)})
    rng = np.random.default_rng(seed)
    ranked = sorted(words, key=lambda word: -values[word])
    orders = [ranked, *(rng.permutation(words).tolist() for _ in range(ORDERS))]
    asked = [order[:n] for order in orders for n in counts]
    left = measure(reader.without(asked)).float().cpu().numpy().reshape(len(orders), len(counts))
    return Deletion(
        tuple(counts), tuple(map(float, left[0])), tuple(map(float, left[1:].mean(axis=0)))
    )
