"""What two marked spans of a text have to do with each other: part of, born in, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.around import encode_around
from nbtune.data.batches import InMemory
from nbtune.data.marks import MARKS, places_of_marked
from nbtune.data.relations import RELATED, ends_are_last, none_label_of
from nbtune.errors import RecipeError, did_you_mean
from nbtune.recipe import Recipe
from nbtune.records import RELATION_SCORES, EvaluationRecord
from nbtune.tasks import Baseline, Known, Task, Weighted
from nbtune.tasks.text_classification import SINGLE, ids_of

Array = np.ndarray[Any, Any]


def encode(rows: pd.DataFrame, tokenizer: Any, max_length: int, known: Known) -> InMemory:
    """Tokenise the marked texts, cut around their spans, and number their labels."""
    texts = list(rows["text"])
    targets = ids_of(rows, known) if "label" in rows else np.zeros(len(rows), dtype=np.int64)
    return encode_around(
        texts,
        list(map(places_of_marked, texts)),
        targets,
        tokenizer,
        max_length,
        rows=list(rows["row"]) if "row" in rows else range(len(rows)),
    )


def weighted(rows: pd.DataFrame, said: Array, known: Known, *, none: str | None = None) -> Weighted:
    """Score weighted rows; see `nbtune.evaluation.relations.weighted_scores`."""
    from nbtune.evaluation.relations import weighted_scores

    return weighted_scores(ids_of(rows, known), said, _place(none, known))


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Array,
    known: Known,
    baselines: Mapping[str, Array],
    *,
    none: str | None = None,
) -> EvaluationRecord:
    """Judge probabilities beside those of the baselines."""
    from nbtune.evaluation.relations import judge

    return judge(
        run,
        split,
        rows,
        ids_of(rows, known),
        said,
        known.labels,
        _place(none, known),
        baselines=baselines,
        temperature=known.temperature,
    )


def _place(none: str | None, known: Known) -> int | None:
    return known.labels.index(none) if none in known.labels else None


def fit(rows: pd.DataFrame, known: Known) -> Sequence[Baseline]:
    """Fit majority, and TF-IDF of the words by their place at the spans."""
    from nbtune.evaluation.relation_baselines import fit_relations

    return fit_relations(list(rows["text"]), ids_of(rows, known), len(known.labels))


def suited(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return which label says that there is no relation, and what the ends of spans mean.

    Raises
    ------
    RecipeError
        When no row has the label that the recipe names.
    """
    named = {role: name for role in RELATED.roles if (name := getattr(recipe, role)) is not None}
    roles = RELATED.find(frame, named).roles
    found: dict[str, Any] = {}
    if recipe.none_label is None:
        found["none_label"] = none_label_of(frame, roles)
    elif recipe.none_label:
        there = sorted({str(label).strip() for label in frame[roles["label"]]})
        if recipe.none_label not in there:
            raise RecipeError(
                f"none_label: no row has the label {recipe.none_label!r}",
                hint=did_you_mean(recipe.none_label, there),
            )
    if recipe.span_ends is None and "tokens" in roles:
        found["span_ends"] = "inclusive" if ends_are_last(frame, roles) else "exclusive"
    return found


def tuned(recipe: Recipe) -> Task:
    """Return the task with the label that its scores leave out."""
    none = recipe.none_label or None
    return replace(TASK, weighted=partial(weighted, none=none), judge=partial(judge, none=none))


TASK = replace(
    SINGLE,
    name="relation-extraction",
    summary="what relates two marked spans",
    rows=RELATED,
    encode=encode,
    weighted=weighted,
    judge=judge,
    fit=fit,
    scores=RELATION_SCORES,
    metrics=("f1_micro", "f1_macro", "accuracy"),
    decide=None,
    suited=suited,
    tuned=tuned,
    marks=MARKS,
)
