"""One label per text, or pair of texts: news topics, spam, sentiment, does it follow."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.batches import InMemory
from nbtune.data.encoding import encode_texts
from nbtune.data.labels import holds_lists, separator_of
from nbtune.data.previewing import Pieces, with_truths
from nbtune.data.texts import LABELLED, find, texts_of
from nbtune.errors import RunError, did_you_mean
from nbtune.models.heads import softmax
from nbtune.recipe import Recipe
from nbtune.records import SCORES, Choice, EvaluationRecord, ReviewedRow
from nbtune.records.thresholds import EXAMPLES
from nbtune.tasks import Aim, Baseline, Known, RowScore, Task, Weighted
from nbtune.tasks.aims import ABOVE, above_the_rest, number_of
from nbtune.tasks.cross_entropy import cross_entropy

Array = np.ndarray[Any, Any]


def encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise the texts and number their labels."""
    targets = ids_of(rows, known) if "label" in rows else np.zeros(len(rows), dtype=np.int64)
    return encode_inputs(rows, targets, tokenizer, max_length)


def encode_inputs(rows: pd.DataFrame, targets: Array, tokenizer: Any, max_length: int) -> InMemory:
    """Tokenise the texts, or pairs, of rows with these targets."""
    pairs = list(rows["text_pair"]) if "text_pair" in rows else None
    return encode_texts(list(rows["text"]), targets, tokenizer, max_length, pairs)


def preview(rows: pd.DataFrame, tokenizer: Any, max_length: int) -> list[Pieces]:
    """Return each text with its label, or labels, and what is cut off."""
    truths = [one if isinstance(one, str) else ", ".join(one) or "none" for one in rows["label"]]
    return with_truths(rows, truths, tokenizer, max_length)


def read(logits: Array, rows: pd.DataFrame, examples: Any, known: Known) -> Array:
    """Return the probabilities of the labels, of shape (rows, labels)."""
    return softmax(logits / known.temperature) if len(logits) else np.empty((0, len(known.labels)))


def settle(rows: pd.DataFrame, said: Array, known: Known) -> Known:
    """Choose the temperature on rows that were not trained on."""
    from nbtune.evaluation.calibration import fit_temperature

    return replace(known, temperature=fit_temperature(ids_of(rows, known), said))


def decide(
    known: Known,
    choices: Sequence[Choice],
    held_out: Callable[[], tuple[pd.DataFrame, Array]],
) -> Known:
    """Choose the probability from which on the second of two labels is given, not the first."""
    labels = known.labels
    if len(labels) != 2:
        raise RunError(
            f"threshold: of {len(labels)} labels the likeliest is given, whatever its probability",
            hint="thresholds suit two labels, or several a text (multi_label_classification)",
        )
    if len(choices) != 1:
        raise RunError(
            f"threshold: {len(choices)} choices, and two labels share one threshold",
            hint=f"choose for one of them, such as {choices[-1]}",
        )
    choice = choices[0].about(choices[0].label or labels[1])
    refuse_unknown(choice.label, labels)
    if choice.kind == "default":
        return replace(known, thresholds=(), rules=())
    from nbtune.evaluation.thresholds import choose

    own = labels.index(choice.label)
    rows, said = held_out() if choice.needs_rows else (pd.DataFrame({"label": []}), np.ones((0, 2)))
    found = choose(choice, ids_of(rows, known) == own, said[:, own])
    thresholds = (1 - found, found) if own else (found, 1 - found)
    rules = ("", choice.rule) if own else (choice.rule, "")
    return replace(known, thresholds=thresholds, rules=rules)


def refuse_unknown(label: str, labels: Sequence[str]) -> None:
    """Refuse a threshold for a label that there is not."""
    if label not in labels:
        raise RunError(
            f"threshold: the run knows no label {label!r}",
            hint=f"{did_you_mean(label, labels)}; rules are {', '.join(EXAMPLES)}",
        )


def weighted(rows: pd.DataFrame, said: Array, known: Known) -> Weighted:
    """Score weighted rows; see `nbtune.evaluation.bootstrap.weighted_labels`."""
    # Here, so that scikit-learn is imported for the first evaluation, not before the first step.
    from nbtune.evaluation.bootstrap import weighted_labels

    return weighted_labels(ids_of(rows, known), said, known.thresholds)


def glance(rows: pd.DataFrame, said: Array, known: Known) -> dict[str, Any]:
    """Return matrix and curve of probabilities; see `nbtune.evaluation.glances.glance`."""
    from nbtune.evaluation.glances import glance

    return glance(ids_of(rows, known), said, _given(said, known))


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Array,
    known: Known,
    baselines: Mapping[str, Array],
) -> EvaluationRecord:
    """Judge probabilities beside those of the baselines."""
    from nbtune.evaluation.classification import judge

    return judge(
        run,
        split,
        known.labels,
        ids_of(rows, known),
        said,
        baselines=baselines,
        texts=texts_of(rows),
        rows=list(rows["row"]),
        temperature=known.temperature,
        thresholds=known.thresholds,
        rules=known.rules,
    )


def fit(rows: pd.DataFrame, known: Known) -> tuple[Baseline, ...]:
    """Fit majority, and TF-IDF with logistic regression."""
    from nbtune.evaluation.baselines import fit_baselines

    return fit_baselines(texts_of(rows), list(ids_of(rows, known)), len(known.labels))


def table(rows: pd.DataFrame, said: Array, known: Known) -> pd.DataFrame:
    """Return the rows with the label given, its probability, and the probabilities of all."""
    given = _given(said, known)
    found = rows.reset_index(drop=True).assign(
        prediction=[known.labels[i] for i in given],
        probability=said[np.arange(len(given)), given],
    )
    return found.join(pd.DataFrame(said, columns=[f"p({label})" for label in known.labels]))


def right(rows: pd.DataFrame, said: Array, known: Known) -> Array:
    """Return which rows are given the label that they have, 0 or 1."""
    return np.asarray(_given(said, known) == ids_of(rows, known), dtype=np.float64)


def recalled(kept: pd.DataFrame, known: Known) -> Array:
    """Return the probabilities out of such a table."""
    return kept[[f"p({label})" for label in known.labels]].to_numpy()


def reviewed(rows: pd.DataFrame, said: Array, known: Known) -> list[ReviewedRow]:
    """Return the rows to look through."""
    from nbtune.evaluation.reviewing import one_label

    ids, given = ids_of(rows, known), _given(said, known)
    return one_label(list(rows["row"]), texts_of(rows), known.labels, ids, said, given)


def aims(
    logits: Array, rows: pd.DataFrame, examples: Any, known: Known, label: str | None
) -> list[list[Aim]]:
    """Return what speaks for a label, by default the one that each row is given."""
    chosen = (
        _given(read(logits, rows, examples, known), known)
        if label is None
        else [number_of(label, known.labels)] * len(rows)
    )
    return [[_aim(row, int(own), known)] for row, own in enumerate(chosen)]


def _aim(row: int, own: int, known: Known) -> Aim:
    return Aim(
        row,
        known.labels[own],
        lambda logits: above_the_rest(logits, own),
        lambda logits: (logits.float() / known.temperature).softmax(-1)[:, own],
        what=ABOVE,
    )


def _given(said: Array, known: Known) -> Array:
    from nbtune.evaluation.thresholds import given_labels

    return given_labels(said, known.thresholds)


def ids_of(rows: pd.DataFrame, known: Known) -> Array:
    """Return the ids of the labels of rows."""
    ids = {label: i for i, label in enumerate(known.labels)}
    return np.array([ids[label] for label in rows["label"]], dtype=np.int64)


SINGLE = Task(
    name="text-classification",
    summary="one label per text",
    head="AutoModelForSequenceClassification",
    rows=LABELLED,
    encode=encode,
    loss=cross_entropy,
    read=read,
    weighted=weighted,
    judge=judge,
    fit=fit,
    predict=lambda said, known: np.array(known.labels)[_given(said, known)],
    probabilities=lambda said: said,
    answers=lambda rows, said, known: table(rows, said, known).rename(
        columns={"prediction": "label"}
    ),
    table=table,
    recalled=recalled,
    row_score=RowScore("right", right),
    reviewed=reviewed,
    scores=SCORES,
    metrics=("f1_macro", "accuracy", "roc_auc"),
    settle=settle,
    decide=decide,
    glance=glance,
    preview=preview,
    aims=aims,
)


def suited(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return what the columns say about the recipe: the kind of problem, and a second text.

    Several labels a row are seen in lists and in several label columns. Numbers are never taken
    for something to predict unless the recipe says so.
    """
    named = {role: name for role in LABELLED.roles if (name := getattr(recipe, role)) is not None}
    if isinstance(recipe.label, tuple):
        return {"problem_type": MULTI} if recipe.problem_type is None else {}
    roles = find(frame, named).roles
    known: dict[str, Any] = {}
    if recipe.text_pair is None and "text_pair" in roles:
        known |= {"text": roles["text"], "text_pair": roles["text_pair"]}
    labels = frame[str(roles["label"])]
    problem: str | None = recipe.problem_type
    if problem is None and holds_lists(labels):
        problem = known["problem_type"] = MULTI
    if problem == MULTI and recipe.label_separator is None:
        known["label_separator"] = separator_of(labels)
    return known


def tuned(recipe: Recipe) -> Task:
    """Return the task as a recipe wants two texts read: as one, or each by itself."""
    if recipe.pair_encoding == "cross-encoder":
        return SINGLE
    from nbtune.tasks.similarity import LABELS

    return LABELS


MULTI = "multi_label_classification"


def _variant(module: str) -> Callable[[], Task]:
    return lambda: importlib.import_module(module).TASK


TASK = replace(
    SINGLE,
    suited=suited,
    tuned=tuned,
    problem_types={
        "single_label_classification": lambda: replace(SINGLE, tuned=tuned),
        MULTI: _variant("nbtune.tasks.multi_label"),
        "regression": _variant("nbtune.tasks.regression"),
    },
)
