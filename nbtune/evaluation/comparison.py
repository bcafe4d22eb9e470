"""Several models on the same rows: their scores, who is better than whom, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from nbtune.evaluation.bootstrap import FEWEST_ROWS, Weighted, interval, resample
from nbtune.evaluation.pairing import holm, mcnemar, over_seeds, p_value
from nbtune.evaluation.tables import distance, plain_scores, with_interval
from nbtune.records import PairTest, Score, worth

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sampled:
    """A model on the rows: its scores, and the same on every resample.

    ``right`` says which rows it has right, where a row is right or wrong; else None.
    """

    scores: dict[str, float]
    samples: dict[str, Array]
    right: Array | None = None


def sample(weighted: Weighted, rows: int, labels: int = 1, right: Array | None = None) -> Sampled:
    """Score a model on rows and on their resamples; see `nbtune.evaluation.bootstrap.resample`."""
    return Sampled(plain_scores(weighted, rows), resample(weighted, rows, labels), right)


@dataclass(frozen=True)
class Scored:
    """A contender on the rows: score, spread over its seeds, and its values on all resamples."""

    name: str
    scores: dict[str, Score]
    spread: dict[str, float]
    samples: dict[str, Array]
    right: Array | None
    """Which rows it has right; None for several seeds, and where rows are not right or wrong."""


def score_contender(name: str, seeds: Sequence[Sampled], rows: int) -> Scored:
    """Score a contender by the mean over its seeds, with intervals over rows and seeds.

    Scores that not every seed has are left out.
    """
    scores, spread, samples = {}, {}, {}
    for metric in seeds[0].scores:
        if not all(metric in one.scores for one in seeds):
            continue
        values = np.array([one.scores[metric] for one in seeds])
        samples[metric] = over_seeds(np.stack([one.samples[metric] for one in seeds]))
        scores[metric] = with_interval(float(values.mean()), samples[metric], rows)
        if len(values) > 1:
            spread[metric] = float(values.std(ddof=1))
    return Scored(name, scores, spread, samples, seeds[0].right if len(seeds) == 1 else None)


def best_first(contenders: Sequence[Scored], metric: str) -> list[Scored]:
    """Return the contenders in the order of a score, the best first."""
    return sorted(contenders, key=lambda one: -worth(metric, one.scores[metric].value))


def judge_pairs(contenders: Sequence[Scored], metric: str, rows: int) -> tuple[PairTest, ...]:
    """Test each contender against all that stand behind it; p-values allow for all the pairs.

    Parameters
    ----------
    contenders : sequence of Scored
        The best first, as `best_first` has them.
    """
    pairs = list(combinations(contenders, 2))
    tested = [_difference(*pair, metric, rows) for pair in pairs]
    adjusted = holm([p for _, p in tested])
    found = []
    for (first, second), (gap, p), own in zip(pairs, tested, adjusted, strict=True):
        nothing = (0, 0, float("nan"))
        alone = first.right is not None and second.right is not None
        counts = mcnemar(first.right, second.right) if alone else nothing  # type: ignore[arg-type]
        found.append(PairTest(first.name, second.name, gap, p, own, *counts))
    return tuple(found)


def _difference(first: Scored, second: Scored, metric: str, rows: int) -> tuple[Score, float]:
    value = first.scores[metric].value - second.scores[metric].value
    samples = first.samples[metric] - second.samples[metric]
    return interval(value, samples, rows), p_value(value, samples, rows)


def verdict(pairs: Sequence[PairTest], metric: str, rows: int) -> str:
    """Say in a sentence what the pairs of the first contender show."""
    first = pairs[0].first
    own = [pair for pair in pairs if pair.first == first]
    if rows < FEWEST_ROWS:
        return f"{first} better: not shown; {rows} rows are too few to show anything."
    shown = [pair.second for pair in own if pair.is_shown]
    open_still = [pair for pair in own if not pair.is_shown]
    parts = []
    if shown:
        parts.append(f"{first} is better than {_listed(shown)} in {metric}")
    if open_still:
        gaps = [f"{pair.second} ({_gap(pair)})" for pair in open_still]
        parts.append(f"{'' if shown else f'{first} '}better than {_listed(gaps)}: not shown")
    allowed = f", {len(pairs)} comparisons allowed for" if len(pairs) > 1 else ""
    return f"{'; '.join(parts)} (paired bootstrap of {rows:,} rows{allowed})."


def _gap(pair: PairTest) -> str:
    return f"{distance(abs(pair.difference.value))} apart, p {pair.adjusted:.2g}"


def _listed(names: Sequence[str]) -> str:
    if len(names) > 4:
        names = [*names[:3], f"{len(names) - 3} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
