"""Tags of words, and the spans they make: scores, and the record of all that was found.

A span counts when type, begin and end are those of a true one, read strictly (only B- begins a
span), as seqeval's strict mode counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.marks import Place
from nbtune.data.predicates import predicates_in
from nbtune.data.ragged import Ragged
from nbtune.data.spans import OUTSIDE, Span, spans_of, type_of
from nbtune.data.tagged import places_of
from nbtune.evaluation.bootstrap import Weighted
from nbtune.evaluation.by_label import UNKNOWN, of_rows
from nbtune.evaluation.tables import score_table
from nbtune.records import ClassScores, Confusion, EvaluationRecord, Mark, MarkedText, WrongRow

Array = np.ndarray[Any, Any]
DECIDES = "span_f1"
MOST_TEXTS = 10
LONGEST_TEXT = 500


def decode(probabilities: Ragged, labels: Sequence[str]) -> list[list[str]]:
    """Return the likeliest tags of each row in which I- only goes on with a span of its type.

    The path of the highest product (Viterbi 1967), so that no impossible order of tags is told.

    Parameters
    ----------
    probabilities : Ragged
        Rows of shape (words, labels).
    """
    begins, follows = _allowed(labels)
    return [[labels[i] for i in _path(row, begins, follows)] for row in probabilities]


def _allowed(labels: Sequence[str]) -> tuple[Array, Array]:
    """Return penalties, 0 or very low, of tags at the start and of one after another."""
    never = -1e9
    inside = np.array([label.startswith("I-") for label in labels])
    begins = np.where(inside, never, 0.0)
    follows = np.zeros((len(labels), len(labels)))
    for k, label in enumerate(labels):
        if inside[k]:
            good = [before in (label, f"B-{label[2:]}") for before in labels]
            follows[:, k] = np.where(good, 0.0, never)
    return begins, follows


def _path(probabilities: Array, begins: Array, follows: Array) -> list[int]:
    if not len(probabilities):
        return []
    logs = np.log(np.maximum(probabilities, 1e-12))
    best = logs[0] + begins
    came: list[Array] = []
    for word in logs[1:]:
        ways = best[:, None] + follows
        came.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + word
    path = [int(best.argmax())]
    for before in reversed(came):
        path.append(int(before[path[-1]]))
    return path[::-1]


def weighted_scores(true: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> Weighted:
    """Return how rows with these tags are scored."""
    counts = np.array([_counts(one, other) for one, other in zip(true, said, strict=True)])

    def score(weights: Array) -> dict[str, Array]:
        hits, predicted, there, right, words = (weights @ counts.astype(np.float64)).T
        return {
            "span_f1": _ratio(2 * hits, predicted + there),
            "span_precision": _ratio(hits, predicted),
            "span_recall": _ratio(hits, there),
            "word_accuracy": _ratio(right, words),
        }

    return score


def by_row(true: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> Array:
    """Return the F1 of the spans of each row; 1 for one that has none and is told none."""
    counts = np.array([_counts(one, other) for one, other in zip(true, said, strict=True)])
    hits, predicted, there = counts.reshape(-1, 5).T[:3].astype(np.float64)
    both = predicted + there
    return np.where(both > 0, 2 * hits / np.maximum(both, 1), 1.0)


def _counts(true: Sequence[str], said: Sequence[str]) -> tuple[int, int, int, int, int]:
    there, found = set(spans_of(true)), set(spans_of(said))
    right = sum(a == b for a, b in zip(true, said, strict=True))
    return len(there & found), len(found), len(there), right, len(true)


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    probabilities: Ragged,
    labels: tuple[str, ...],
    baselines: Mapping[str, Ragged],
) -> EvaluationRecord:
    """Judge the tags of words beside those of the baselines."""
    true = [list(tags) for tags in rows["tags"]]
    said = decode(probabilities, labels)
    table, verdict = score_table(
        run,
        weighted_scores(true, said),
        {name: weighted_scores(true, decode(other, labels)) for name, other in baselines.items()},
        len(rows),
        DECIDES,
    )
    worst = _worst(true, said, probabilities)
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(rows),
        labels=labels,
        table=table,
        classes=by_type(true, said),
        confusion=_confusion(true, said),
        errors=tuple(_wrong(rows, true, said, row, sure) for row, sure in worst[:20]),
        verdict=verdict,
        decides=DECIDES,
        texts=_marked(rows, true, said, [row for row, _ in worst]),
    )


def by_type(
    true: Sequence[Sequence[str]], said: Sequence[Sequence[str]]
) -> tuple[ClassScores, ...]:
    """Return precision, recall and F1 of each type of span; what is drawn anew are texts."""
    kinds, hits, named, wanted = _by_row_and_type(true, said)
    precision, recall = of_rows(hits, named), of_rows(hits, wanted)
    f1, support = of_rows(2 * hits, named + wanted), wanted.sum(axis=0)
    return tuple(
        ClassScores(kind, precision[k], recall[k], f1[k], UNKNOWN, int(support[k]))
        for k, kind in enumerate(kinds)
    )


def f1_by_type(true: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return the F1 of each type of span."""
    kinds, *counts = _by_row_and_type(true, said)
    hits, named, wanted = (each.sum(axis=0) for each in counts)
    return dict(zip(kinds, (2 * hits / (named + wanted)).tolist(), strict=True))


def _by_row_and_type(
    true: Sequence[Sequence[str]], said: Sequence[Sequence[str]]
) -> tuple[list[str], Array, Array, Array]:
    """Return types, and how many spans of them each row has right, is told, and has.

    The counts are of shape (rows, types).
    """
    pairs = zip(true, said, strict=True)
    spans = [(set(spans_of(one)), set(spans_of(other))) for one, other in pairs]
    kinds = sorted({span.type for there, told in spans for span in there | told})
    place = {kind: k for k, kind in enumerate(kinds)}
    counts = np.zeros((3, len(spans), len(kinds)))
    for row, (there, told) in enumerate(spans):
        for which, found in enumerate((there & told, told, there)):
            for span in found:
                counts[which, row, place[span.type]] += 1
    return kinds, *counts


def _confusion(true: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> Confusion:
    """Count words by their true and their predicted type."""
    pairs = [
        (type_of(a), type_of(b))
        for one, other in zip(true, said, strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    kinds = sorted({kind for pair in pairs for kind in pair}, key=lambda one: (one == OUTSIDE, one))
    ids = {kind: i for i, kind in enumerate(kinds)}
    counts = np.zeros((len(kinds), len(kinds)), dtype=int)
    for a, b in pairs:
        counts[ids[a], ids[b]] += 1
    return Confusion(tuple(kinds), tuple(tuple(map(int, row)) for row in counts))


def _worst(
    true: Sequence[Sequence[str]], said: Sequence[Sequence[str]], probabilities: Ragged
) -> list[tuple[int, float]]:
    """Return rows with a wrong word, and how sure the model was of it, the surest first."""
    found = []
    for row, (one, other) in enumerate(zip(true, said, strict=True)):
        wrong = [place for place, tag in enumerate(one) if tag != other[place]]
        if wrong:
            found.append((row, float(probabilities.row(row)[wrong].max())))
    return sorted(found, key=lambda item: -item[1])


def _wrong(
    rows: pd.DataFrame,
    true: Sequence[Sequence[str]],
    said: Sequence[Sequence[str]],
    row: int,
    sure: float,
) -> WrongRow:
    missed, told = apart(true[row], said[row], list(rows["tokens"].iloc[row]))
    return WrongRow(
        int(rows["row"].iloc[row]),
        str(rows["text"].iloc[row])[:LONGEST_TEXT],
        missed,
        told,
        sure,
    )


def apart(true: Sequence[str], said: Sequence[str], words: Sequence[str]) -> tuple[str, str]:
    """Return in words the spans that are true and not told, and those told that are not true."""
    there, told = set(spans_of(true)), set(spans_of(said))
    return _in_words(there - told, words), _in_words(told - there, words)


def _in_words(spans: set[Span], words: Sequence[str]) -> str:
    named = (f"{span.type}: {' '.join(words[span.start : span.stop])}" for span in sorted(spans))
    return "; ".join(named) or "nothing"


def _marked(
    rows: pd.DataFrame,
    true: Sequence[Sequence[str]],
    said: Sequence[Sequence[str]],
    worst: Sequence[int],
) -> tuple[MarkedText, ...]:
    """Return some texts with true and predicted spans, those with mistakes first."""
    right = [row for row in range(len(rows)) if row not in set(worst)]
    chosen = [*worst[: MOST_TEXTS - 2], *right[:2]]
    shown = rows.iloc[chosen]
    places = places_of(shown)
    whose: list[list[Place]] = [[] for _ in chosen]
    if "predicate" in rows:
        whose = [[where] for where in predicates_in(shown, places)]
    return tuple(
        MarkedText(
            int(rows["row"].iloc[row]),
            str(rows["text"].iloc[row]),
            _marks(true[row], own, predicate),
            _marks(said[row], own, predicate),
        )
        for row, own, predicate in zip(chosen, places, whose, strict=True)
    )


def _marks(
    tags: Sequence[str], places: Sequence[Place], predicate: Sequence[Place]
) -> tuple[Mark, ...]:
    """Return marks of spans, and of the predicate where no span is in its place."""
    found = [
        Mark(places[span.start][0], places[span.stop - 1][1], span.type) for span in spans_of(tags)
    ]
    for start, end in predicate:
        if all(end <= mark.start or mark.end <= start for mark in found):
            found.append(Mark(start, end, "predicate"))
    return tuple(sorted(found, key=lambda mark: mark.start))
