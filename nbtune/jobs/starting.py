"""What was there before training: the model as it began, and how often each token comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbtune.jobs.folders import name_of_model
from nbtune.jobs.trained import Trained, ask
from nbtune.recipe import Recipe
from nbtune.tasks import Predictions, task_of

if TYPE_CHECKING:
    import pandas as pd


def before_training(
    start: Trained,
    recipe: Recipe,
    rows: pd.DataFrame,
    train: Any = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    most_written: int | None = None,
) -> dict[str, Predictions]:
    """Return what is said of rows by the model as it began, and by frequencies, by their names.

    Parameters
    ----------
    start : Trained
        The model before its first step.
    train
        The training examples whose tokens are counted; None leaves frequencies out.
    most_written : int, optional
        As for `nbtune.jobs.trained.ask`.
    """
    task = task_of(recipe)
    said = ask(start, recipe, rows, progress, most_written=most_written)
    lines = {f"{name_of_model(recipe)} before training": said}
    if task.by_chance is not None and train is not None:
        lines["token frequencies"] = task.by_chance(train, said, start.known)
    return lines
