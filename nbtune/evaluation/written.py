"""Texts that were made of others, scored by what they have in common with the true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.written import Written
from nbtune.evaluation.bootstrap import Weighted
from nbtune.evaluation.curves import thinned
from nbtune.evaluation.language import weighted_scores as foretold_scores
from nbtune.evaluation.overlap import (
    bleu,
    bleu_counts,
    chrf,
    chrf_counts,
    table_of,
    words_apart,
)
from nbtune.evaluation.rouge import rouge_l, rouge_n
from nbtune.evaluation.tables import score_table
from nbtune.records import Curve, EvaluationRecord, Rewritten, Scatter

Array = np.ndarray[Any, Any]
MOST_TEXTS = 12
MOST_OF_CURVE, MOST_POINTS = 100, 500


def weighted_scores(true: Sequence[str], said: Written) -> Weighted:
    """Return how rows of which this was written are scored.

    What was not written of every row has no scores of its texts, and who foretells nothing no
    perplexity: these are NaN.
    """
    texts = said.in_order if said.is_whole else None
    words = table_of(() if texts is None else map(_rouge, true, texts), 3)
    runs = table_of(() if texts is None else map(bleu_counts, texts, true), 10)
    signs = table_of(() if texts is None else map(chrf_counts, texts, true), 18)
    same = np.array([one == other for one, other in zip(texts or (), true, strict=False)], float)
    foretold = None if said.spoken is None else foretold_scores(said.spoken, true, with_bytes=False)

    def score(weights: Array) -> dict[str, Array]:
        unknown = np.full(len(weights), np.nan)
        asked = dict.fromkeys(("perplexity", "token_accuracy"), unknown)
        if foretold is not None:
            asked = foretold(weights)
        if texts is None:
            return asked
        total = weights.sum(axis=1)
        sums = weights @ runs
        means = (weights @ words).T / total
        return {
            **dict(zip(("rouge1", "rouge2", "rougeL"), means, strict=True)),
            "bleu": bleu(sums),
            "chrf": chrf(weights @ signs),
            "length_ratio": sums[:, -2] / np.maximum(sums[:, -1], 1),
            "exact_match": weights @ same / total,
            **asked,
        }

    return score


def _rouge(true: str, said: str) -> tuple[float, float, float]:
    return rouge_n(true, said, 1), rouge_n(true, said, 2), rouge_l(true, said)


def by_row(true: Sequence[str], texts: Sequence[str], decides: str) -> Array:
    """Return the score that decides of each row by itself, 0 to 1, of shape (rows,)."""
    if decides == "chrf":
        return chrf(table_of(map(chrf_counts, texts, true), 18)) / 100
    return np.array(list(map(rouge_l, true, texts)), dtype=np.float64)


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Written,
    baselines: Mapping[str, Written],
    decides: str,
) -> EvaluationRecord:
    """Judge what was written beside what the baselines give."""
    true, texts = list(rows["target"]), said.in_order
    table, verdict = score_table(
        run,
        weighted_scores(true, said),
        {name: weighted_scores(true, other) for name, other in baselines.items()},
        len(rows),
        decides,
    )
    everyone = {**{name: other.in_order for name, other in baselines.items()}, run: texts}
    worth = {name: by_row(true, own, decides) for name, own in everyone.items()}
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(rows),
        table=table,
        verdict=verdict,
        decides=decides,
        rewritten=tuple(
            Rewritten(
                int(rows["row"].iloc[row]),
                str(rows["source"].iloc[row]),
                true[row],
                texts[row],
                float(worth[run][row]),
            )
            for row in spread(worth[run])
        ),
        quality=tuple(_at_least(name, own) for name, own in worth.items()),
        lengths=_lengths(true, texts),
    )


def spread(worth: Array, most: int = MOST_TEXTS) -> list[int]:
    """Return places from the worst to the best, as far from each other in order as can be.

    Examples
    --------
    >>> spread(np.array([0.5, 0.1, 0.9, 0.7]), 2)
    [1, 2]
    """
    order = np.argsort(worth, kind="stable")
    places = np.linspace(0, len(order) - 1, min(most, len(order))).astype(int)
    return [int(order[place]) for place in places]


def _at_least(name: str, worth: Array) -> Curve:
    """Return which share of the rows has at least which score."""
    ordered = np.sort(worth)
    share = 1 - np.arange(len(ordered)) / len(ordered)
    x, y = np.round(thinned(ordered, share, MOST_OF_CURVE), 4).tolist()
    return Curve(name, tuple(x), tuple(y), float(worth.mean()))


def _lengths(true: Sequence[str], texts: Sequence[str]) -> Scatter:
    chosen = np.linspace(0, len(true) - 1, min(MOST_POINTS, len(true))).astype(int)
    wanted, own = (
        tuple(float(len(words_apart(each[row]))) for row in chosen) for each in (true, texts)
    )
    return Scatter(wanted, own)
