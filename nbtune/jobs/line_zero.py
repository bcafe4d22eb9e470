"""Line 0 of a score table: what label names alone say, where that means something."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtune.errors import ModelError
from nbtune.events import Progress
from nbtune.jobs.zero_shot import ABOUT, Array, ByLikeness, EachByLikeness, Reader, in_words
from nbtune.models.sources import ModelSource, find_model
from nbtune.recipe import Recipe
from nbtune.runs.files import staged
from nbtune.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.runs import RunFolder

SECONDS = 20.0
"""The line is left out where it takes longer."""
STAND_INS = ("minilm",)
"""Sentence encoders that are asked where the recipe's own model is none."""
SAID = "probabilities.npy"
BETWEEN = " / "
"""Between the texts of a pair, which are read as one."""


def have_meaning(labels: Sequence[str]) -> bool:
    """Whether names of labels say something: words, and not codes that tell them apart by number.

    Examples
    --------
    >>> have_meaning(["sport", "politics"]), have_meaning(["LABEL_0", "LABEL_1"])
    (True, False)
    >>> have_meaning(["0", "1"]), have_meaning(["T", "F"])
    (False, False)
    """
    words = [re.sub(r"[\W\d_]+", " ", label).strip() for label in labels]
    is_word = (len(word) >= 3 or not word.isascii() for word in words)
    return all(map(bool, words)) and all(is_word) and len(set(words)) == len(words)


def encoder_at_hand(recipe: Recipe) -> ModelSource | None:
    """Return the recipe's model where it is a sentence encoder, else one that is installed."""
    from nbtune.models.sentences import pooling_of

    for name in (recipe.model, *STAND_INS):
        try:
            source = find_model(name)
            if pooling_of(source) is not None:
                return source
        except ModelError:
            continue
    return None


class TooLongError(Exception):
    """It would take longer than it is worth; says how long."""


def line_zero(
    recipe: Recipe,
    labels: Sequence[str],
    rows: pd.DataFrame,
    progress: Progress | None = None,
    *,
    kept: RunFolder | None = None,
    split: str = "",
) -> dict[str, Any]:
    """Return what label names alone say of rows, by the name of the line.

    Nothing where names mean nothing, no sentence encoder is at hand, or it was not wanted.

    Parameters
    ----------
    kept : RunFolder, optional
        The run that these are the rows of, of that ``split``: what is said of them is kept there.

    Raises
    ------
    TooLongError
        When it would take more than `SECONDS`.
    """
    described = recipe.zero_shot if isinstance(recipe.zero_shot, dict) else {}
    is_told = all(label in described for label in labels) or have_meaning(labels)
    if not (_is_wanted(recipe, rows) and is_told and (source := encoder_at_hand(recipe))):
        return {}
    name = f"zero-shot ({source.name})"
    place = None if kept is None else kept.path / "zero_shot" / split
    if place is not None and place.is_dir():
        return {name: _as_said(np.load(place / SAID, allow_pickle=False), recipe)}
    from nbtune.models.sentences import load_encoder

    words = tuple(described.get(label, ABOUT.format(in_words(label))) for label in labels)
    encoder, texts = load_encoder(source), _texts_of(rows)
    reader: Reader = ByLikeness(encoder, words)
    if _has_several(recipe):
        reader = EachByLikeness(encoder, words)
    found = reader.predict(texts, _within(SECONDS, progress))
    if place is not None:
        with staged(place) as stage:
            np.save(stage / SAID, found)
    return {name: _as_said(found, recipe)}


def _has_several(recipe: Recipe) -> bool:
    """Whether a row can have several labels."""
    return "subset_accuracy" in task_of(recipe).scores


def _as_said(found: Array, recipe: Recipe) -> Any:
    """Return probabilities as the task makes predictions of them."""
    return (found, ()) if _has_several(recipe) else found


def _texts_of(rows: pd.DataFrame) -> list[str]:
    """Return the texts, those of a pair one after the other."""
    if "text_pair" not in rows:
        return list(rows["text"])
    pairs = zip(rows["text"], rows["text_pair"], strict=True)
    return [f"{first}{BETWEEN}{second}" for first, second in pairs]


def _is_wanted(recipe: Recipe, rows: pd.DataFrame) -> bool:
    """Whether rows are texts, or pairs, with labels, and the recipe asks for baselines."""
    if not (recipe.baseline and recipe.zero_shot and len(rows)):
        return False
    task = task_of(recipe)
    read = set(task.rows.inputs) & set(rows)
    is_of_labels = "accuracy" in task.scores or _has_several(recipe)
    # How alike two texts are is told by themselves, and not by the names of labels.
    is_known = "text_pair" in read and recipe.pair_encoding == "bi-encoder"
    is_text = read in ({"text"}, {"text", "text_pair"})
    return is_of_labels and is_text and not is_known and not task.marks


def _within(seconds: float, progress: Progress | None) -> Progress:
    """Return a progress that ends the work once it is seen to take longer."""
    began = time.monotonic()

    def told(done: int, total: int) -> None:
        passed = time.monotonic() - began
        whole = passed / done * total
        if passed > seconds / 8 and whole > seconds:
            raise TooLongError(f"{total:,} rows would take {whole:,.0f} s")
        if progress is not None:
            progress(done, total)

    return told
