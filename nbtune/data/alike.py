"""Pairs of texts with how alike they are, as rows: a number, or one of two labels."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from nbtune.data import texts
from nbtune.data.numbers import NUMBERED, scale_of
from nbtune.data.rows import Found, Roles
from nbtune.data.texts import LABELLED
from nbtune.errors import DataError

WIDTH = 0.1
"""Of the logistic from cosines to probabilities, until validation rows say more."""
_WORD = re.compile(r"\w+")


def find(frame: pd.DataFrame, named: Roles) -> Found:
    """Find texts, their pairs, and how alike they are.

    Raises
    ------
    DataError
        When there is no second text.
    """
    found = texts.find(frame, named)
    if found.roles.get("text_pair") is None:
        raise DataError(
            f"there is no column of second texts; the data has {', '.join(frame.columns[:12])}",
            hint="name it: text_pair: ...; a bi-encoder learns how alike two texts are",
        )
    return found


def _cosine_scale(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the number that a cosine of 0 stands for, and how far from it that of 1 is.

    Numbers between -1 and 1 are cosines; others, such as 0 to 5, are brought between 0 and 1.
    """
    scale_of(rows)  # refuses numbers that are all the same
    numbers = rows["label"].to_numpy(dtype=np.float64)
    lowest, highest = float(numbers.min()), float(numbers.max())
    return (0.0, 1.0) if lowest >= -1 and highest <= 1 else (lowest, highest - lowest)


def _two_labels(rows: pd.DataFrame) -> tuple[str, ...]:
    labels = LABELLED.labels(rows)
    if len(labels) != 2:
        raise DataError(
            f"label: {len(labels)} labels ({', '.join(labels[:5])}), but two texts are alike or "
            "not",
            hint="a bi-encoder takes two labels, or numbers with problem_type: regression; "
            "leave pair_encoding out to learn any labels",
        )
    return labels


def _logistic_scale(rows: pd.DataFrame) -> tuple[float, float]:
    """Return middle and width of a logistic of cosines that is the second label's probability.

    The width is below 0 where the first label says that texts are alike: whose pairs have more
    words in common.
    """
    shared = [_shared(one, two) for one, two in zip(rows["text"], rows["text_pair"], strict=True)]
    labels = LABELLED.labels(rows)
    means = [np.mean([x for x, own in zip(shared, rows["label"], strict=True) if own == label])
             for label in labels]  # fmt: skip
    return 0.5, WIDTH if means[-1] >= means[0] else -WIDTH


def _shared(one: str, other: str) -> float:
    first, second = (set(_WORD.findall(text.lower())) for text in (one, other))
    return len(first & second) / max(1, len(first | second))


COSINES = replace(NUMBERED, find=find, scale=_cosine_scale)
ALIKE = replace(LABELLED, find=find, labels=_two_labels, scale=_logistic_scale)
