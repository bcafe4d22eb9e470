"""What a model says of rows, one by one, as somebody looks through them: the worst ones first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbtune.evaluation.label_noise import label_margins, suspects
from nbtune.records import ReviewedRow

Array = np.ndarray[Any, Any]
LIKELY = 5
_TINY = np.finfo(np.float64).tiny
_NAN = float("nan")


def one_label(
    rows: Sequence[int],
    texts: Sequence[str],
    labels: Sequence[str],
    targets: Array,
    said: Array,
    given: Array,
) -> list[ReviewedRow]:
    """Return rows with one label each.

    Parameters
    ----------
    targets, given : ndarray of int
        Label ids of shape (rows,): true ones, and those that the model gives.
    said : ndarray
        Probabilities of shape (rows, labels).
    """
    margins, doubted = label_margins(targets, said), suspects(targets, said)
    return [
        ReviewedRow(
            row=int(rows[i]),
            text=texts[i],
            label=labels[targets[i]],
            prediction=labels[given[i]],
            probability=float(said[i, given[i]]),
            loss=float(-np.log(max(said[i, targets[i]], _TINY))),
            margin=float(margins[i]),
            is_suspect=bool(doubted[i]),
            likely=_likeliest(said[i], labels),
        )
        for i in range(len(rows))
    ]


def several_labels(
    rows: Sequence[int],
    texts: Sequence[str],
    labels: Sequence[str],
    targets: Array,
    said: Array,
    given: Array,
) -> list[ReviewedRow]:
    """Return rows with any number of labels; a row is in doubt where one of its labels is.

    Its loss is that of all its labels, its probability that of having just those it is given, its
    margin that of the label that is furthest off.

    Parameters
    ----------
    targets, given : ndarray of bool
        Of shape (rows, labels), as the probabilities that are ``said``.
    """
    own = np.where(targets, said, 1 - said)
    losses = -np.log(np.maximum(own, _TINY)).sum(axis=1)
    sure = np.where(given, said, 1 - said).prod(axis=1)
    margins = (2 * own - 1).min(axis=1, initial=1.0)
    doubted = np.zeros(len(rows), dtype=bool)
    for k in range(len(labels)):
        chances = np.stack([1 - said[:, k], said[:, k]], axis=1)
        doubted |= suspects(targets[:, k].astype(int), chances)
    found = []
    for i in range(len(rows)):
        true, told = (
            tuple(label for label, mark in zip(labels, marks[i], strict=True) if mark)
            for marks in (targets, given)
        )
        found.append(
            ReviewedRow(
                row=int(rows[i]),
                text=texts[i],
                label=", ".join(true) or "none",
                prediction=", ".join(told) or "none",
                probability=float(sure[i]),
                loss=float(losses[i]),
                margin=float(margins[i]),
                is_suspect=bool(doubted[i]),
                likely=_likeliest(said[i], labels),
                labels=true,
                given=told,
            )
        )
    return found


def _likeliest(chances: Array, labels: Sequence[str]) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-chances, kind="stable")[:LIKELY]
    return tuple((labels[k], float(chances[k])) for k in order)


def unlabelled(
    rows: Sequence[int],
    texts: Sequence[str],
    pairs: Callable[[int], tuple[str, str]],
    losses: Sequence[float],
    sure: Sequence[float] | None = None,
) -> list[ReviewedRow]:
    """Return rows whose truth is no label: spans, answers, numbers, texts.

    Parameters
    ----------
    pairs : callable
        The place of a row to what is true of it and what the model says, in words.
    losses : sequence of float
        How far off each row is; 0 for not at all.
    """
    found = []
    for i, row in enumerate(rows):
        label, prediction = pairs(i)
        found.append(
            ReviewedRow(
                row=int(row),
                text=texts[i],
                label=label,
                prediction=prediction,
                probability=_NAN if sure is None else float(sure[i]),
                loss=float(losses[i]),
                margin=-float(losses[i]),
                is_suspect=False,
                likely=(),
                off=bool(losses[i] > 0 and label != prediction),
            )
        )
    return found
