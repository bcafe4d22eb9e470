"""What a recipe would take, as far as one knows without a step of it: said while one types."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from nbtune import datasets
from nbtune.data.reading import read
from nbtune.errors import NbtuneError
from nbtune.events import RunStopped
from nbtune.jobs.choosing import model_of
from nbtune.magics.forms.room import FLOAT, fits, need_of
from nbtune.magics.variables import find_rows
from nbtune.panels.findings import Row
from nbtune.panels.html import duration, size
from nbtune.recipe import Recipe, from_yaml
from nbtune.runs import RunFolder, RunStore

ALIKE = (
    "task", "method", "per_device_train_batch_size", "gradient_accumulation_steps", "max_length",
    "precision", "batching", "gradient_checkpointing",
)  # fmt: skip
"""Settings that decide what a step takes; runs that share them and the model are asked."""
MOST_ASKED = 20
NOT_KNOWN = "not known: Estimate measures some steps"
KEPT = 3
"""States on the disk at most: two to go on from, and one while the next is written."""


def reckon(recipe: Recipe, namespace: Mapping[str, Any], store: RunStore) -> list[Row]:
    """Return steps, time, memory and disk, each with where it is known from."""
    return list(_rows(recipe, namespace, store))


def _rows(recipe: Recipe, namespace: Mapping[str, Any], store: RunStore) -> Iterator[Row]:
    rows = _training_rows(recipe, namespace)
    steps = _steps(recipe, rows)
    if steps:
        of = f"of about {rows:,} training rows" if rows else "as the recipe says"
        yield "steps", f"{steps:,}, {of}", ""
    yield "time", _time(recipe, steps, store), ""
    with suppress(NbtuneError):  # what is wrong with the model stands at its field
        if (need := need_of(recipe, model_of(recipe))) is not None:
            yield "memory", fits(need), ""
            disk = KEPT * need.state + 3 * FLOAT * need.moving
            yield "disk", f"about {size(disk)} for checkpoints and model", ""


def _training_rows(recipe: Recipe, namespace: Mapping[str, Any]) -> int:
    """Return about how many rows are trained on; 0 where they are not read yet."""
    if recipe.data is None:
        return 0
    try:
        found = find_rows(recipe.data, namespace)
        frame = datasets.load(found) if isinstance(found, str) else found
        if not hasattr(frame, "columns"):
            return 0
        parts = read(frame[["split"]] if "split" in frame else frame.iloc[:, :1])
    except (NbtuneError, TypeError, ValueError):
        return 0
    rows = total = len(parts.get("train", ()))
    for split in ("test", "validation"):
        share = getattr(recipe, f"{split}_size")
        is_given = split in parts or getattr(recipe, f"{split}_data") is not None
        if share and not is_given:
            rows -= round(share * total) if share < 1 else int(share)
    return max(0, min(rows, recipe.max_train_samples or rows))


def _steps(recipe: Recipe, rows: int) -> int:
    if recipe.max_steps or not rows:
        return recipe.max_steps or 0
    a_step = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps
    return max(1, math.ceil(recipe.num_train_epochs * math.ceil(rows / a_step)))


def _time(recipe: Recipe, steps: int, store: RunStore) -> str:
    """Say how long so many steps took in a run that is alike."""
    if not steps:
        return NOT_KNOWN
    for folder in reversed(store.folders()[-MOST_ASKED:]):
        if seconds := _step_seconds(folder, recipe):
            return (
                f"about {duration(steps * seconds)}, if a step takes {1000 * seconds:,.0f} ms "
                f"as in {folder.title}; Estimate measures it"
            )
    return NOT_KNOWN


def _step_seconds(folder: RunFolder, recipe: Recipe) -> float:
    """Return what a step of a run took, evaluations included; 0 where it is not alike."""
    try:
        other = from_yaml(folder.recipe_text)
        named = recipe.model or model_of(recipe).name
    except (NbtuneError, OSError):
        return 0.0
    asked = {name: getattr(recipe, name) for name in ALIKE}
    if other.model != named or any(
        value not in (getattr(other, name), "auto") for name, value in asked.items()
    ):
        return 0.0
    stops = [event for _, event in folder.history() if isinstance(event, RunStopped)]
    return stops[-1].seconds / stops[-1].step if stops and stops[-1].step else 0.0
