"""Arrays of what is true and what some model said of it become an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from nbtune.errors import DataError
from nbtune.evaluation import classification, multi_label, regression
from nbtune.evaluation.slices import slice_rows
from nbtune.evaluation.thresholds import given_labels
from nbtune.records import RIGHT, EvaluationRecord, Slices

Array = np.ndarray[Any, Any]
Judgement = tuple[EvaluationRecord, pd.DataFrame | None]
"""What is known, and the rows."""
SPLIT = "given"
_NEAR_ONE = 1e-3


def judge_arrays(
    y_true: Any,
    y_said: Any,
    *,
    labels: Sequence[Any] | None = None,
    texts: Sequence[str] | None = None,
    baselines: Mapping[str, Any] | None = None,
    name: str = "predictions",
) -> Judgement:
    """Judge arrays; see `nbtune.Evaluation.from_predictions`."""
    true, said = np.asarray(y_true), _numbers(y_said, "y_said")
    others = {key: _numbers(one, f"baselines[{key!r}]") for key, one in (baselines or {}).items()}
    _refuse_unfit(true, said, others, texts)
    rows = [str(text) for text in texts] if texts is not None else [""] * len(true)
    if true.ndim == 2:
        return _several(true, said, others, _named(labels, said.shape[1]), texts, rows, name)
    if said.ndim == 1 and labels is None and _are_fractions(true):
        return _of_numbers(true.astype(float), said, others, texts, rows, name)
    return _one(true, said, others, labels, texts, rows, name)


def _one(
    true: Array,
    said: Array,
    others: Mapping[str, Array],
    labels: Sequence[Any] | None,
    texts: Sequence[str] | None,
    rows: Sequence[str],
    name: str,
) -> Judgement:
    columns = 2 if said.ndim == 1 else said.shape[1]
    found = pd.unique(pd.Series(true, dtype=object))
    given = sorted(found, key=lambda one: (str(type(one)), one)) if labels is None else list(labels)
    ids = _ids(true, given, columns, inferred=labels is None)
    names = tuple(map(str, given)) if len(given) == columns else tuple(map(str, range(columns)))
    chances, note = _chances(said)
    record = classification.judge(
        name,
        SPLIT,
        names,
        ids,
        chances,
        baselines={key: _chances(one)[0] for key, one in others.items()},
        texts=None if texts is None else rows,
    )
    told = given_labels(chances)
    frame = pd.DataFrame(
        {
            "row": np.arange(len(true)),
            "text": rows,
            "label": [names[one] for one in ids],
            "prediction": [names[one] for one in told],
            "probability": chances[np.arange(len(told)), told],
            **{f"p({label})": chances[:, k] for k, label in enumerate(names)},
        }
    )
    right = np.asarray(told == ids, dtype=np.float64)
    return _done(record, frame, note, texts, right, RIGHT)


def _several(
    true: Array,
    said: Array,
    others: Mapping[str, Array],
    names: tuple[str, ...],
    texts: Sequence[str] | None,
    rows: Sequence[str],
    name: str,
) -> Judgement:
    has, chances, note = true.astype(bool), _squashed(said), ""
    if chances is not said:
        note = "scores were turned into probabilities: 1 / (1 + exp(-score))"
    record = multi_label.judge(
        name,
        SPLIT,
        names,
        has,
        (chances, ()),
        baselines={key: (_squashed(one), ()) for key, one in others.items()},
        texts=rows,
        rows=range(len(has)),
    )
    scores = multi_label.by_row(has, multi_label.chosen(chances))
    return _done(record, None, note, texts, scores, "f1")


def _of_numbers(
    true: Array,
    said: Array,
    others: Mapping[str, Array],
    texts: Sequence[str] | None,
    rows: Sequence[str],
    name: str,
) -> Judgement:
    record = regression.judge(
        name, SPLIT, true, said, baselines=others, texts=rows, rows=range(len(true))
    )
    columns = {"row": np.arange(len(true)), "text": rows, "label": true, "prediction": said}
    return _done(record, pd.DataFrame(columns), "", texts, np.abs(true - said), "mae")


def _done(
    record: EvaluationRecord,
    frame: pd.DataFrame | None,
    note: str,
    texts: Sequence[str] | None,
    scores: Array,
    measure: str,
) -> Judgement:
    slices: Slices | None = None
    if texts is not None:
        slices = slice_rows(list(map(str, texts)), pd.DataFrame(), scores, measure=measure)
    return replace(record, left_out=note, slices=slices), frame


def _numbers(values: Any, called: str) -> Array:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"{called}: these are no numbers",
            hint="give probabilities or scores, of shape (rows,) or (rows, labels)",
        ) from None
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    return found


def _refuse_unfit(
    true: Array, said: Array, others: Mapping[str, Array], texts: Sequence[str] | None
) -> None:
    wrong = []
    if true.ndim not in (1, 2) or not len(true):
        wrong.append(f"y_true: an array of shape {true.shape}, where (rows,) has at least one row")
    if true.ndim == 1 and pd.isna(true).any():
        wrong.append(f"y_true: {int(pd.isna(true).sum())} rows have no label")
    for key, one in {"y_said": said, **{f"baselines[{k!r}]": v for k, v in others.items()}}.items():
        if one.ndim not in (1, 2) or (true.ndim == 2 and one.shape != true.shape):
            wrong.append(f"{key}: an array of shape {one.shape} beside y_true of {true.shape}")
        elif len(one) != len(true):
            wrong.append(f"{key}: {len(one)} rows beside {len(true)} of y_true")
        elif one.shape[1:] != said.shape[1:]:
            wrong.append(f"{key}: of shape {one.shape}, where y_said is of {said.shape}")
        elif bad := int((~np.isfinite(one)).sum()):
            wrong.append(f"{key}: {bad} numbers are missing or infinite")
    if texts is not None and len(texts) != len(true):
        wrong.append(f"texts: {len(texts)} of them beside {len(true)} rows of y_true")
    if wrong:
        raise DataError("; ".join(wrong), hint="give one of each for each row, in the same order")


def _named(labels: Sequence[Any] | None, columns: int) -> tuple[str, ...]:
    if labels is None:
        return tuple(map(str, range(columns)))
    if len(labels) != columns:
        raise DataError(
            f"labels: {len(labels)} names for {columns} columns of y_said",
            hint="name the columns, in their order",
        )
    return tuple(map(str, labels))


def _ids(true: Array, labels: Sequence[Any], columns: int, *, inferred: bool) -> Array:
    """Return the column of the label of each row: by its name, or by its number."""
    numbers = pd.to_numeric(pd.Series(true), errors="coerce")
    are_places = bool(numbers.isin(range(columns)).all()) and pd.api.types.is_number(true[0])
    if inferred and len(labels) != columns and are_places:
        return numbers.to_numpy(dtype=int)
    if len(labels) != columns:
        raise DataError(
            f"labels: {len(labels)} names for {columns} columns of y_said",
            hint="name the columns, in their order: labels=[...]",
        )
    place = {str(label): k for k, label in enumerate(labels)}
    unknown = [one for one in pd.unique(pd.Series(true, dtype=object)) if str(one) not in place]
    if unknown and not are_places:
        raise DataError(
            f"y_true: no column is called {unknown[0]!r}; there are {', '.join(list(place)[:12])}",
            hint="name the columns of y_said, in their order: labels=[...]",
        )
    return numbers.to_numpy(dtype=int) if unknown else np.array([place[str(one)] for one in true])


def _chances(said: Array) -> tuple[Array, str]:
    """Return probabilities of shape (rows, labels), and how they were made where they were not."""
    if said.ndim == 1:
        second = _squashed(said)
        note = "" if second is said else "scores were turned into probabilities by a logistic curve"
        return np.stack([1 - second, second], axis=1), note
    if (said >= 0).all() and np.allclose(said.sum(axis=1), 1, atol=_NEAR_ONE):
        return said, ""
    return softmax(said, axis=1), "scores were turned into probabilities: softmax"


def _squashed(said: Array) -> Array:
    if ((said >= 0) & (said <= 1)).all():
        return said
    squashed: Array = expit(said)
    return squashed


def _are_fractions(true: Array) -> bool:
    return bool(np.issubdtype(true.dtype, np.floating) and (true % 1 != 0).any())
