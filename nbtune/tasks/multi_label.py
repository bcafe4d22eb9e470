"""Any number of labels per text: tags, topics that overlap, what a comment complains about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from nbtune.data.batches import InMemory
from nbtune.data.labels import MANY_LABELLED, hot
from nbtune.data.texts import texts_of
from nbtune.errors import RunError
from nbtune.recipe import Recipe
from nbtune.records import MULTI_LABEL_SCORES, USUAL, Choice, EvaluationRecord, ReviewedRow
from nbtune.tasks import Aim, Baseline, Known, Loss, RowScore, Weighted
from nbtune.tasks.aims import number_of
from nbtune.tasks.text_classification import SINGLE, encode_inputs, recalled, refuse_unknown

Array = np.ndarray[Any, Any]
Said = tuple[Array, Sequence[float]]
"""Probabilities of shape (rows, labels), and the thresholds of shape (labels,)."""


def encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise the texts; targets are 1 for the labels of a row, of shape (rows, labels)."""
    blank = np.zeros((len(rows), len(known.labels)), dtype=np.float32)
    targets = hot(rows, known.labels).astype(np.float32) if "label" in rows else blank
    return encode_inputs(rows, targets, tokenizer, max_length)


def loss(recipe: Recipe, targets: Any, labels: int) -> Loss:
    """Binary cross-entropy, the mean over rows and labels."""

    def total(logits: Tensor, wanted: Tensor) -> Tensor:
        found = functional.binary_cross_entropy_with_logits
        return found(logits.float(), wanted.float(), reduction="sum")

    return Loss(total, lambda wanted: float(wanted.size), margin=margins)


def margins(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return how sure the label is that is furthest off in each row, from -1 to 1."""
    said = logits.float().sigmoid()
    return (2 * torch.where(wanted > 0, said, 1 - said) - 1).amin(1)


def read(logits: Array, rows: pd.DataFrame, examples: Any, known: Known) -> Said:
    """Return the probability of each label by itself, and the thresholds."""
    found = logits.astype(np.float64).reshape(len(rows), len(known.labels))
    return 1 / (1 + np.exp(-np.clip(found, -500, 500))), known.thresholds


def log_odds(rows: pd.DataFrame, known: Known) -> Array:
    """Return the log-odds of the labels in the training rows, where the head begins.

    From zero, rare labels would first have to be unlearnt on every row.
    """
    count = hot(rows, known.labels).sum(axis=0)
    return np.asarray(np.log((count + 0.5) / (len(rows) - count + 0.5)))


def settle(rows: pd.DataFrame, said: Said, known: Known) -> Known:
    """Choose the thresholds on rows that were not trained on."""
    from nbtune.evaluation.multi_label import best_thresholds

    return replace(known, thresholds=best_thresholds(hot(rows, known.labels), said[0]))


def decide(
    known: Known,
    choices: Sequence[Choice],
    held_out: Callable[[], tuple[pd.DataFrame, Said]],
) -> Known:
    """Choose thresholds label by label.

    A choice without a label is for each of them, and those that cannot meet it keep what they
    have; unless none can.
    """
    labels = known.labels
    for choice in choices:
        if choice.label:
            refuse_unknown(choice.label, labels)
    if all(choice.kind == "at" for choice in choices):
        rows, chances = pd.DataFrame({"label": []}), np.ones((0, len(labels)))
        usual = known.thresholds
    else:
        rows, said = held_out()
        chances, usual = said[0], settle(rows, said, known).thresholds
    has = hot(rows, labels)
    found = dict(
        enumerate(
            zip(
                known.thresholds or [USUAL] * len(labels),
                known.rules or [""] * len(labels),
                strict=True,
            )
        )
    )
    for choice in choices:
        wanted = [labels.index(choice.label)] if choice.label else range(len(labels))
        if choice.kind == "default":
            found |= {k: (usual[k], "") for k in wanted}
        else:
            found |= _met(choice, {labels[k]: k for k in wanted}, has, chances)
    thresholds, rules = zip(*found.values(), strict=True)
    return replace(known, thresholds=thresholds, rules=rules if any(rules) else ())


def _met(
    choice: Choice, places: Mapping[str, int], has: Array, chances: Array
) -> dict[int, tuple[float, str]]:
    """Return threshold and rule of the labels that can meet a choice, by their place."""
    from nbtune.evaluation.thresholds import choose

    found: dict[int, tuple[float, str]] = {}
    refused = []
    for label, k in places.items():
        try:
            found[k] = choose(choice.about(label), has[:, k], chances[:, k]), choice.rule
        except RunError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return found


def glance(rows: pd.DataFrame, said: Said, known: Known) -> dict[str, Any]:
    """Return the F1 of labels; see `nbtune.evaluation.glances.bars`."""
    from sklearn.metrics import f1_score

    from nbtune.evaluation.glances import bars
    from nbtune.evaluation.multi_label import chosen

    found = f1_score(hot(rows, known.labels), chosen(*said), average=None, zero_division=0)
    return bars(known.labels, found)


def weighted(rows: pd.DataFrame, said: Said, known: Known) -> Weighted:
    """Score weighted rows; see `nbtune.evaluation.multi_label.weighted_scores`."""
    from nbtune.evaluation.multi_label import weighted_scores

    return weighted_scores(hot(rows, known.labels), *said)


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Said,
    known: Known,
    baselines: Mapping[str, Said],
) -> EvaluationRecord:
    """Judge probabilities beside those of the baselines."""
    from nbtune.evaluation.multi_label import judge

    return judge(
        run,
        split,
        known.labels,
        hot(rows, known.labels),
        said,
        baselines=baselines,
        texts=texts_of(rows),
        rows=list(rows["row"]),
        rules=known.rules,
    )


def fit(rows: pd.DataFrame, known: Known) -> Sequence[Baseline]:
    """Fit the labels' frequencies, and TF-IDF with a logistic regression a label."""
    from nbtune.evaluation.text_baselines import fit_multi_label

    return fit_multi_label(texts_of(rows), hot(rows, known.labels))


def _answers(rows: pd.DataFrame, said: Said, known: Known) -> pd.DataFrame:
    marks, found = predict(said, known), rows.reset_index(drop=True)
    names = [
        [label for label, mark in zip(known.labels, own, strict=True) if mark] for own in marks
    ]
    found = found.assign(labels=pd.Series(names, dtype=object))
    return found.join(pd.DataFrame(said[0], columns=[f"p({label})" for label in known.labels]))


def table(rows: pd.DataFrame, said: Said, known: Known) -> pd.DataFrame:
    """Return the rows with the labels that they have and are given, in words, and all chances."""
    found = _answers(rows, said, known).rename(columns={"labels": "prediction"})
    names = [column for column in ("label", "prediction") if column in found]
    return found.assign(**{name: found[name].map(", ".join) for name in names})


def row_f1(rows: pd.DataFrame, said: Said, known: Known) -> Array:
    """Return the F1 of the labels of each row."""
    from nbtune.evaluation.multi_label import by_row, chosen

    return by_row(hot(rows, known.labels), chosen(*said))


def reviewed(rows: pd.DataFrame, said: Said, known: Known) -> list[ReviewedRow]:
    """Return the rows to look through."""
    from nbtune.evaluation.reviewing import several_labels

    own, given = hot(rows, known.labels), predict(said, known).astype(bool)
    return several_labels(list(rows["row"]), texts_of(rows), known.labels, own, said[0], given)


def aims(
    logits: Array, rows: pd.DataFrame, examples: Any, known: Known, label: str | None
) -> list[list[Aim]]:
    """Return what speaks for a label, by default for each that a row is given, or the likeliest."""
    said = read(logits, rows, examples, known)
    given = predict(said, known).astype(bool)
    found = []
    for row, own in enumerate(given):
        chosen = np.flatnonzero(own) if own.any() else [int(np.argmax(said[0][row]))]
        if label is not None:
            chosen = [number_of(label, known.labels)]
        found.append([_aim(row, int(one), known) for one in chosen])
    return found


def _aim(row: int, own: int, known: Known) -> Aim:
    return Aim(
        row,
        known.labels[own],
        lambda logits: logits[:, own].float(),
        lambda logits: logits[:, own].float().sigmoid(),
    )


def predict(said: Said, known: Known) -> Array:
    """Return which labels each row is given, 0 or 1, of shape (rows, labels)."""
    probabilities, thresholds = said
    from nbtune.evaluation.multi_label import chosen

    return chosen(probabilities, thresholds).astype(np.int64)


TASK = replace(
    SINGLE,
    summary="any number of labels per text",
    rows=MANY_LABELLED,
    encode=encode,
    loss=loss,
    read=read,
    weighted=weighted,
    judge=judge,
    fit=fit,
    predict=predict,
    probabilities=lambda said: said[0],
    answers=_answers,
    table=table,
    recalled=lambda kept, known: (recalled(kept, known), known.thresholds),
    row_score=RowScore("f1", row_f1),
    reviewed=reviewed,
    scores=MULTI_LABEL_SCORES,
    metrics=("f1_micro", "f1_macro", "lrap"),
    without=(
        "class_weight",
        "focal_gamma",
        "label_smoothing_factor",
        "train_sampling_strategy",
        "pair_encoding",
    ),
    head_bias=log_odds,
    settle=settle,
    decide=decide,
    glance=glance,
    aims=aims,
)
