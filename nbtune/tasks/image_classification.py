"""One label per image, or per image with a text: digits, products, defects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.batches import InMemory
from nbtune.data.pictured import PICTURED, PICTURED_WITH_TEXT, captions_of
from nbtune.data.pictures import is_inline, name_of, thumbnail
from nbtune.data.previewing import TO, Pieces, with_truths
from nbtune.data.texts import BETWEEN
from nbtune.recipe import Recipe
from nbtune.records import EvaluationRecord, ReviewedRow
from nbtune.tasks import Baseline, Known, Task
from nbtune.tasks.text_classification import SINGLE, encode_inputs, ids_of, table

Array = np.ndarray[Any, Any]
SHOWN = 10
"""Errors that are shown with their image: each is some hundred letters in a saved notebook."""


def encode(rows: pd.DataFrame, processor: Any, max_length: int, known: Known) -> InMemory:
    """Make examples whose images are decoded when they are read; tokenise what texts there are."""
    targets = ids_of(rows, known) if "label" in rows else np.zeros(len(rows), dtype=np.int64)
    pixels = processor.pixels(list(rows["image"]))
    if "text" not in rows:
        return InMemory([[] for _ in targets], targets, pixels=pixels)
    return replace(encode_inputs(rows, targets, processor.tokenizer, max_length), pixels=pixels)


def preview(rows: pd.DataFrame, processor: Any, max_length: int) -> list[Pieces]:
    """Return what stands beside each image, what of that is cut off, and its label."""
    tokenizer = getattr(processor, "tokenizer", processor)
    files = captions_of(rows[["image"]])
    if "text" not in rows or tokenizer is None:
        pairs = zip(files, rows["label"], strict=True)
        return [[("context", f"{said}{TO}"), ("target", label)] for said, label in pairs]
    said = with_truths(rows, list(rows["label"]), tokenizer, max_length)
    return [
        [("context", f"{file}{BETWEEN}"), *own] if file else own
        for file, own in zip(files, said, strict=True)
    ]


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Array,
    known: Known,
    baselines: Mapping[str, Array],
) -> EvaluationRecord:
    """Judge probabilities as those of texts, and show the images of the worst errors."""
    captioned = rows.assign(text=captions_of(rows))
    record = SINGLE.judge(run, split, captioned, said, known, baselines)
    images = dict(zip(map(int, rows["row"]), rows["image"], strict=True))
    shown = [replace(one, image=thumbnail(images[one.row])) for one in record.errors[:SHOWN]]
    return replace(record, errors=(*shown, *record.errors[SHOWN:]))


def fit(rows: pd.DataFrame, known: Known) -> Sequence[Baseline]:
    """Fit majority, and logistic regression on few pixels, and on these with the words."""
    from nbtune.evaluation.pixel_baselines import fit_pixel_baselines

    return fit_pixel_baselines(rows, ids_of(rows, known), len(known.labels))


def answers(rows: pd.DataFrame, said: Array, known: Known) -> pd.DataFrame:
    """Return the rows with the label given; images that have no path by a name of their own."""
    found = table(rows, said, known).rename(columns={"prediction": "label"})
    own = [name_of(value) if is_inline(value) else value for value in rows["image"]]
    return found.assign(image=own)


def reviewed(rows: pd.DataFrame, said: Array, known: Known) -> list[ReviewedRow]:
    """Return the rows to look through, with their images."""
    from nbtune.evaluation.reviewing import one_label
    from nbtune.evaluation.thresholds import given_labels

    given = given_labels(said, known.thresholds)
    labels, ids = known.labels, ids_of(rows, known)
    found = one_label(list(rows["row"]), PICTURED.texts(rows), labels, ids, said, given)
    return [replace(one, image=own) for one, own in zip(found, rows["image"], strict=True)]


IMAGES = replace(
    SINGLE,
    name="image-classification",
    summary="one label per image",
    head="AutoModelForImageClassification",
    rows=PICTURED,
    encode=encode,
    judge=judge,
    fit=fit,
    answers=answers,
    without=("text_pair", "neftune_noise_alpha", "max_length"),
    answering="images labelled",
    reads="images",
    model="scratch-cnn",
    preview=preview,
    reviewed=reviewed,
)
WITH_TEXT = replace(
    IMAGES,
    summary="one label per image with a text",
    head="AutoModelForImageTextClassification",
    rows=PICTURED_WITH_TEXT,
    # Two towers have no lowest layer.
    without=("text_pair", "freeze", "gradual_unfreezing", "neftune_noise_alpha"),
    model="scratch-transformer",
)


def tuned(recipe: Recipe) -> Task:
    """Return the task with texts where the recipe names a column of them."""
    return IMAGES if recipe.text is None else WITH_TEXT


TASK = replace(IMAGES, tuned=tuned)
