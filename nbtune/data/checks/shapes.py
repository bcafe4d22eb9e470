"""Rows of other tasks than one label a text: what each says, what is true, what can be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from nbtune.data.chats import CHATS
from nbtune.data.checks import images, truths
from nbtune.data.checks.shape import Shape
from nbtune.data.labels import MANY_LABELLED, separator_of
from nbtune.data.liked import LIKED, columns_of_liked
from nbtune.data.numbers import NUMBERED
from nbtune.data.pictured import CONTENT, PICTURED_WITH_TEXT, names_of
from nbtune.data.plain import KEPT, PLAIN
from nbtune.data.preferences import PREFERENCES
from nbtune.data.questions import ASKED
from nbtune.data.relations import RELATED, ends_are_last
from nbtune.data.rewritten import REWRITTEN
from nbtune.data.spans import OUTSIDE, type_of
from nbtune.data.tagged import TAGGED, word_splitting_of
from nbtune.recipe import Recipe


def _several(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    if recipe.label_separator is not None or isinstance(recipe.label, tuple):
        return {}
    label = recipe.label or next((name for name in ("labels", "label") if name in frame), None)
    return {} if label is None else {"label_separator": separator_of(frame[label])}


def _related(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    named = {role: name for role in RELATED.roles if (name := getattr(recipe, role, None))}
    roles = RELATED.find(frame, named).roles
    if recipe.span_ends is not None or "tokens" not in roles:
        return {}
    return {"span_ends": "inclusive" if ends_are_last(frame, roles) else "exclusive"}


def _types(rows: pd.DataFrame) -> list[Sequence[str]]:
    """Return the types of the spans of each row, one for each span."""
    return [
        [type_of(tag) for tag in tags if tag != OUTSIDE and not tag.startswith("I-")]
        for tags in rows["tags"]
    ]


def _lines_kept(frame: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    return {} if "clean" in recipe.model_fields_set else {"clean": KEPT}


def _nothing(rows: pd.DataFrame) -> list[str]:
    return [""] * len(rows)


_PLAIN = Shape(
    PLAIN,
    truth=_nothing,
    conflict=("info", ""),
    checks=lambda frames, starts: iter(()),
    is_cut=False,
    rewritten="text",
)
_REWRITTEN = Shape(
    REWRITTEN,
    said=lambda rows: list(rows["source"]),
    truth=lambda rows: list(rows["target"]),
    conflict=("info", "rows have a source that has other targets too"),
    checks=truths.of_rewritten,
    written=lambda rows: list(rows["target"]),
    is_apart=True,
)
SHAPES: dict[str, Shape] = {
    "question-answering": Shape(
        ASKED,
        truth=lambda rows: [" / ".join(sorted(set(own))) or "no answer" for own in rows["answers"]],
        conflict=("warning", "rows have a question about a context that has other answers too"),
        checks=truths.of_answers,
        has_near=False,
        is_cut=False,
    ),
    "token-classification": Shape(
        TAGGED,
        truth=lambda rows: [" ".join(tags) for tags in rows["tags"]],
        conflict=("error", "rows have a text that has other tags too"),
        checks=truths.of_tags,
        names=_types,
        suited=lambda frame, recipe: {"word_splitting": word_splitting_of(frame, recipe)},
    ),
    "preference-tuning": Shape(
        PREFERENCES,
        said=CHATS.texts,
        truth=lambda rows: [
            "\n".join(pair) for pair in zip(rows["chosen"], rows["rejected"], strict=True)
        ],
        conflict=("info", "rows have a prompt that other rows have too, with other answers"),
        checks=truths.of_preferences,
        written=lambda rows: [
            max(pair, key=len) for pair in zip(rows["chosen"], rows["rejected"], strict=True)
        ],
    ),
    "liked-answers": Shape(
        LIKED,
        said=CHATS.texts,
        truth=lambda rows: list(rows["completion"]),
        conflict=("info", "rows have a prompt that other rows have too, with other answers"),
        checks=truths.of_liked,
        names=lambda rows: [(one,) for one in LIKED.strata(rows)],
        written=lambda rows: list(rows["completion"]),
        suited=columns_of_liked,
    ),
    "text-generation": Shape(
        CHATS,
        said=truths.asked,
        truth=truths.answered,
        conflict=("info", "chats have prompts that other chats answer otherwise"),
        checks=truths.of_chats,
        written=truths.answered,
    ),
    "language_modelling": replace(_PLAIN, suited=_lines_kept),
    "fill-mask": _PLAIN,
    "image-classification": Shape(
        PICTURED_WITH_TEXT,
        said=lambda rows: list(rows[CONTENT]),
        called=names_of,
        beside=lambda rows: list(rows["text"]) if "text" in rows else _nothing(rows),
        truth=lambda rows: list(rows["label"]),
        conflict=("error", "rows have an image that has other labels too"),
        opened=images.opened,
        checks=images.of_images,
        names=PICTURED_WITH_TEXT.labels_of,
        has_labels=True,
        has_near=False,
    ),
    "summarization": _REWRITTEN,
    "translation": _REWRITTEN,
    "text2text-generation": _REWRITTEN,
    "relation-extraction": Shape(
        RELATED,
        truth=lambda rows: list(rows["label"]),
        conflict=("error", "rows have the same spans of a text in another relation too"),
        checks=truths.of_relations,
        names=RELATED.labels_of,
        has_near=False,
        suited=_related,
    ),
    "multi_label_classification": Shape(
        MANY_LABELLED,
        truth=lambda rows: [", ".join(labels) or "none" for labels in rows["label"]],
        conflict=("error", "rows have a text that has other labels too"),
        checks=truths.of_labels,
        names=MANY_LABELLED.labels_of,
        suited=_several,
    ),
    "regression": Shape(
        NUMBERED,
        truth=lambda rows: [f"{number:.6g}" for number in rows["label"]],
        conflict=("warning", "rows have a text that has another number too"),
        checks=lambda frames, starts: iter(()),
    ),
}
"""By task; several labels a text, and numbers, by their problem type; answers one by one, and texts
that are written on where no chats are."""
VARIANTS: dict[str, dict[str, Any]] = {
    "multi_label_classification": {"problem_type": "multi_label_classification"},
    "regression": {"problem_type": "regression"},
    "liked-answers": {"task": "preference-tuning", "loss_type": "kto"},
    "language_modelling": {"task": "text-generation"},
}
"""What a recipe says of shapes that are no task of their own."""
