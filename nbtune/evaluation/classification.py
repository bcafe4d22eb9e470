"""One record of all that predictions say: table, matrix, curves, errors, verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from nbtune.evaluation.bootstrap import difference, intervals
from nbtune.evaluation.curves import pr_curves, roc_curves
from nbtune.evaluation.metrics import METRICS, _auc, score
from nbtune.records import (
    ClassScores,
    Confusion,
    EvaluationRecord,
    Judged,
    Score,
    WrongRow,
)

Array = np.ndarray[Any, Any]
DECIDES = "f1_macro"
LONGEST_TEXT = 500


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
    """
    names = tuple(labels)
    others = dict(baselines or {})
    table = [
        *(_judged(name, "baseline", targets, found) for name, found in others.items()),
        _judged(run, "model", targets, probabilities),
    ]
    return EvaluationRecord(
        run=run,
        split=split,
        rows=len(targets),
        labels=names,
        table=tuple(table),
        classes=_by_class(targets, probabilities, names),
        confusion=_confusion(targets, probabilities, names),
        roc=roc_curves(targets, probabilities, names),
        pr=pr_curves(targets, probabilities, names),
        errors=_wrong(targets, probabilities, names, texts, rows, errors),
        verdict=_verdict(run, targets, probabilities, others, table),
    )


def _judged(name: str, kind: str, targets: Array, probabilities: Array) -> Judged:
    return Judged(name, kind, intervals(targets, probabilities, score(targets, probabilities)))


def _by_class(
    targets: Array, probabilities: Array, labels: Sequence[str]
) -> tuple[ClassScores, ...]:
    precision, recall, f1, support = precision_recall_fscore_support(
        targets, probabilities.argmax(axis=1), labels=range(len(labels)), zero_division=0
    )
    return tuple(
        ClassScores(
            label,
            float(precision[k]),
            float(recall[k]),
            float(f1[k]),
            _auc(targets == k, probabilities[:, k]),
            int(support[k]),
        )
        for k, label in enumerate(labels)
    )


def _confusion(targets: Array, probabilities: Array, labels: tuple[str, ...]) -> Confusion:
    counts = confusion_matrix(targets, probabilities.argmax(axis=1), labels=range(len(labels)))
    return Confusion(labels, tuple(tuple(map(int, row)) for row in counts))


def _wrong(
    targets: Array,
    probabilities: Array,
    labels: Sequence[str],
    texts: Sequence[str] | None,
    rows: Sequence[int] | None,
    most: int,
) -> tuple[WrongRow, ...]:
    predictions, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predictions != targets)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    return tuple(
        WrongRow(
            int(rows[i]) if rows is not None else int(i),
            texts[i][:LONGEST_TEXT] if texts is not None else "",
            labels[targets[i]],
            labels[predictions[i]],
            float(sure[i]),
        )
        for i in worst
    )


def _verdict(
    run: str,
    targets: Array,
    probabilities: Array,
    baselines: Mapping[str, Array],
    table: Sequence[Judged],
) -> str:
    """Say who wins on `DECIDES`, by a paired bootstrap against the best baseline."""
    if not baselines:
        return "There is no baseline to compare with."
    best = max(table[:-1], key=lambda judged: judged.scores[DECIDES].value).name
    gap: Score = difference(targets, probabilities, baselines[best], DECIDES)
    span = f"{gap.low:+.3f} to {gap.high:+.3f}"
    if gap.low > 0:
        return f"{run} beats {best} by {gap.value:.3f} {DECIDES} (95 %: {span})."
    if gap.high < 0:
        return f"{run} loses to {best} by {-gap.value:.3f} {DECIDES} (95 %: {span})."
    return f"{run} better than {best}: not shown (difference {gap.value:+.3f}, 95 %: {span})."


assert DECIDES in METRICS  # noqa: S101 - the two lists are far apart
