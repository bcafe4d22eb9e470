"""One record of all that predictions say: table, matrix, curves, errors, verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from nbtune.evaluation.bootstrap import resample_all, weighted_labels
from nbtune.evaluation.by_label import of_marks
from nbtune.evaluation.calibration import calibrate, wilson
from nbtune.evaluation.curves import gain_curves, pr_curves, roc_curves
from nbtune.evaluation.metrics import METRICS, score, top_k_accuracy
from nbtune.evaluation.tables import verdict, with_interval
from nbtune.evaluation.thresholds import given_labels, operating_points
from nbtune.records import (
    Confusion,
    EvaluationRecord,
    Judged,
    OperatingPoint,
    Score,
    WrongRow,
)

Array = np.ndarray[Any, Any]
DECIDES = "f1_macro"
LONGEST_TEXT = 500
MOST_TOP = 10

Scored = tuple[tuple[Judged, ...], str, str]
"""Who has which scores, who wins, and by which of them."""


def judge(
    run: str,
    split: str,
    labels: Sequence[str],
    targets: Array,
    probabilities: Array,
    *,
    baselines: Mapping[str, Array] | None = None,
    texts: Sequence[str] | None = None,
    rows: Sequence[int] | None = None,
    errors: int = 20,
    temperature: float = 1.0,
    thresholds: Sequence[float] = (),
    rules: Sequence[str] = (),
    scored: Scored | None = None,
) -> EvaluationRecord:
    """Judge predictions beside the baselines' on the same rows.

    Parameters
    ----------
    labels : sequence of str
        Label names by id.
    targets : ndarray of int
        Label ids of shape (rows,).
    probabilities : ndarray of float
        Shape (rows, labels).
    baselines : mapping, optional
        Probabilities by the name of the baseline, each of the same shape.
    texts, rows : sequence, optional
        What the rows say and where they stand, for the list of errors.
    errors : int
        How many wrong rows are kept.
    temperature : float
        What the logits of these probabilities were divided by.
    thresholds, rules : sequence
        From where on each of two labels is given by the model, and what that was chosen for; see
        `nbtune.evaluation.thresholds`. Baselines give the likeliest one.
    scored : tuple, optional
        The table, the verdict and the score that it goes by, where these are other scores.
    """
    names = tuple(labels)
    if scored is None:
        scored = _scored(run, targets, probabilities, thresholds, dict(baselines or {}))
    table, said, decides = scored
    given = given_labels(probabilities, thresholds)
    ids = np.arange(len(names))
    roc = roc_curves(targets, probabilities, names)
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(targets),
        labels=names,
        table=table,
        decides=decides,
        classes=of_marks(names, targets[:, None] == ids, given[:, None] == ids, probabilities),
        confusion=_confusion(targets, given, names),
        roc=roc,
        pr=pr_curves(targets, probabilities, names),
        errors=_wrong(targets, given, probabilities, names, texts, rows, errors),
        verdict=said,
        calibration=calibrate(targets, probabilities, temperature),
        gain=gain_curves(roc, targets, names),
        top_k=_top_k(targets, probabilities),
        operating=_operating(targets, given, probabilities, names, thresholds, rules),
    )


def _scored(
    run: str,
    targets: Array,
    probabilities: Array,
    thresholds: Sequence[float],
    baselines: Mapping[str, Array],
) -> Scored:
    models: list[tuple[str, str, Array, Sequence[float]]] = [
        *((name, "baseline", found, ()) for name, found in baselines.items()),
        (run, "model", probabilities, thresholds),
    ]
    weighted = [weighted_labels(targets, found, own) for _, _, found, own in models]
    samples = resample_all(weighted, *probabilities.shape)
    table = [_judged(*model, targets, own) for model, own in zip(models, samples, strict=True)]
    return tuple(table), verdict(table, samples, len(targets), DECIDES), DECIDES


def _judged(
    name: str,
    kind: str,
    probabilities: Array,
    thresholds: Sequence[float],
    targets: Array,
    samples: Mapping[str, Array],
) -> Judged:
    scores = {
        metric: with_interval(value, samples[metric], len(targets))
        for metric, value in score(targets, probabilities, thresholds=thresholds).items()
    }
    return Judged(name, kind, scores)


def _top_k(targets: Array, probabilities: Array) -> tuple[Score, ...]:
    """Return top-k accuracies with their intervals; with two labels there is nothing to say."""
    rows, labels = probabilities.shape
    if labels == 2 or not rows:
        return ()
    found = top_k_accuracy(targets, probabilities, min(MOST_TOP, labels - 1))
    return tuple(Score(share, *wilson(share * rows, rows)) for share in found)


def _operating(
    targets: Array,
    given: Array,
    probabilities: Array,
    labels: Sequence[str],
    thresholds: Sequence[float],
    rules: Sequence[str],
) -> tuple[OperatingPoint, ...]:
    """Return the points of two labels; of more the likeliest one is given, and there are none."""
    if len(labels) != 2:
        return ()
    marks = np.eye(2, dtype=bool)
    usual = given_labels(probabilities)
    return operating_points(labels, marks[targets], marks[given], marks[usual], thresholds, rules)


def _confusion(targets: Array, given: Array, labels: tuple[str, ...]) -> Confusion:
    counts = confusion_matrix(targets, given, labels=range(len(labels)))
    return Confusion(labels, tuple(tuple(map(int, row)) for row in counts))


def _wrong(
    targets: Array,
    given: Array,
    probabilities: Array,
    labels: Sequence[str],
    texts: Sequence[str] | None,
    rows: Sequence[int] | None,
    most: int,
) -> tuple[WrongRow, ...]:
    sure = probabilities[np.arange(len(given)), given]
    wrong = np.flatnonzero(given != targets)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    return tuple(
        WrongRow(
            int(rows[i]) if rows is not None else int(i),
            texts[i][:LONGEST_TEXT] if texts is not None else "",
            labels[targets[i]],
            labels[given[i]],
            float(sure[i]),
        )
        for i in worst
    )


assert DECIDES in METRICS  # noqa: S101 - the two lists are far apart
