"""A run is asked about rows of its own, to look through and to correct."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.jobs.folders import read_margins, read_rows
from nbtune.jobs.trained import ask
from nbtune.recipe import Recipe, from_yaml
from nbtune.records import Correction, Explanation, ReviewedRow
from nbtune.results.review import CORRECTIONS, Review
from nbtune.results.run import Run

if TYPE_CHECKING:
    import numpy as np

_BY_EPOCHS = (
    "No validation rows picked these weights, so they may know wrong labels by heart. Labels are "
    "in doubt where another one was likelier, in the mean over all epochs; what is predicted now "
    "may be the wrong label itself."
)
_BY_HEART = (
    "No validation rows picked these weights, and how they learnt these rows was not kept: they "
    "may know wrong labels by heart, and show none of them."
)


def review_run(
    run: Run, split: str | None = None, progress: Callable[[int, int], None] | None = None
) -> Review:
    """Ask a run about rows of its own; see `nbtune.api.review`."""
    task = run.task
    if task.reviewed is None:
        raise RunError(
            f"{run.name} has learnt {task.summary}; such rows are not looked through",
            hint=f"%evaluate {run.name} shows what is furthest off",
        )
    there = [name for name in ("test", "validation", "train") if name in run.folder.about["rows"]]
    chosen = split or there[0]
    if chosen not in there:
        raise RunError(f"{run.name} has no {chosen!r} rows", hint=f"it has {', '.join(there)}")
    rows = read_rows(run.folder, chosen)
    recipe, trained = from_yaml(run.folder.recipe_text), run.trained
    said = ask(trained, recipe, rows, progress)
    earlier, note = _made_before(run, recipe)
    chances = None if task.probabilities is None else task.probabilities(said)
    relabels = "" if task.rows.relabelled is None or chances is None else "several"
    looked_at, doubts = task.reviewed(rows, said, trained.known), ""
    if chosen == "train" and task.probabilities is not None:
        is_picked = "validation" in there and recipe.eval_strategy != "no"
        looked_at, doubts = _watched(looked_at, read_margins(run.folder), is_picked=is_picked)
    return Review(
        run.name,
        chosen,
        trained.known.labels,
        looked_at,
        run.folder.path / CORRECTIONS,
        run.folder.recipe_text,
        earlier,
        partial(_explain, run, chosen),
        relabels="one" if "accuracy" in task.scores else relabels,
        chances=chances,
        note=" ".join(filter(None, [note, doubts])),
    )


def _watched(
    rows: list[ReviewedRow], margins: np.ndarray[Any, Any] | None, *, is_picked: bool
) -> tuple[list[ReviewedRow], str]:
    """Return training rows with their margins of all epochs, and what to know of their doubts.

    Weights that no validation rows picked have learnt wrong labels by heart, and say of their
    rows what these say. Then labels are in doubt by how the rows were told while they were learnt.
    """
    if margins is None or len(margins) != len(rows):
        return rows, "" if is_picked else _BY_HEART
    known = [replace(one, learnt=float(own)) for one, own in zip(rows, margins, strict=True)]
    if is_picked:
        return known, ""
    return [
        one
        if math.isnan(one.learnt)
        else replace(one, margin=one.learnt, is_suspect=one.learnt < 0)
        for one in known
    ], _BY_EPOCHS


def _explain(run: Run, split: str, row: int) -> Sequence[Explanation]:
    from nbtune.results.explanation import explain_run, rows_of_split

    return explain_run(run, rows_of_split(run, [row], split), deletion=False)


def _made_before(run: Run, recipe: Recipe) -> tuple[tuple[Correction, ...], str]:
    """Return the corrections that a run was trained with, and what to know of them.

    The run keeps them; one that was trained before runs did has only the file of its recipe.
    """
    from nbtune.data.corrections import read_corrections

    if not recipe.corrections:
        return (), ""
    for file in (run.folder.path / "data" / CORRECTIONS, Path(recipe.corrections).expanduser()):
        if file.is_file():
            return read_corrections(file), ""
    return (), (
        f"{run.name} was trained with corrections from {recipe.corrections}, and that file is "
        "gone. What is corrected here is written without them, so that a run trained on it would "
        "have the old faults again: put the file back, and open a new %review."
    )
