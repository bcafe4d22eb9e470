"""Try a few steps and leave no run behind: what a run would take, and which rate suits it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.api.beginning import begin, prepared
from nbtune.events import Event
from nbtune.jobs.choosing import HIGHEST_RATE, check_layers, rising_rates, usual_rate
from nbtune.jobs.folders import identity, lay_out
from nbtune.jobs.training import find_rate
from nbtune.recipe import Recipe, Resolved
from nbtune.runs import RunStore

if TYPE_CHECKING:
    from nbtune.data.preparing import PreparedData
    from nbtune.panels.progress import Display
    from nbtune.results.rate_finding import RateFinding
    from nbtune.results.run_estimate import RunEstimate


def estimate(
    data: Any = None,
    *,
    recipe: str | Path | Recipe | Resolved | None = None,
    validation_data: Any = None,
    test_data: Any = None,
    set: Iterable[str] = (),
    runs_dir: str | Path | None = None,
    display: Display = None,
    **settings: Any,
) -> RunEstimate:
    """Reckon what `finetune` would take: time, memory and disk, from a few of its own steps.

    The model is loaded for this alone, and no run is left behind. A run of the same recipe and
    data says at its end how wrong this was. Of texts that are larger than memory (``streaming``) a
    sample is tokenised, and stands for all.

    Parameters
    ----------
    data, recipe, validation_data, test_data, set, runs_dir, display, **settings
        As for `finetune`; ``display`` may also be what takes a bar as HTML.

    Raises
    ------
    RecipeError, DataError, ModelError
        As `finetune` does.

    Examples
    --------
    >>> nbtune.estimate(train_df, model="minilm").seconds  # doctest: +SKIP
    58.3
    """
    from tempfile import TemporaryDirectory

    from nbtune.engine.device import find_device
    from nbtune.engine.memory import give_back
    from nbtune.jobs.estimating import estimate_run
    from nbtune.panels.progress import Progress
    from nbtune.results.run_estimate import RunEstimate
    from nbtune.runs.estimates import keep_estimate

    begun = begin(recipe, settings, set, runs_dir=runs_dir)
    settled, root = begun.settled(), begun.store.root
    # On the disk of the runs, whose room and speed count; a temporary folder may lie in memory.
    near = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
    scratch = TemporaryDirectory(prefix=".estimate-", dir=near)
    with Progress("measurements made", display) as progress, scratch as place:
        rows = prepared(settled, data, validation_data, test_data)
        check_layers(rows.recipe, begun.source)
        folder, few = RunStore(place).create("estimate"), _few(rows)
        lay_out(folder, begun.asked, rows.recipe, few)
        stands_for = len(rows.splits["train"]) / len(few.splits["train"])
        found = estimate_run(folder, lambda event: progress(0, 1), progress, stands_for)
    give_back(find_device())
    keep_estimate(root, identity(rows.recipe, rows), found)
    return RunEstimate(found)


def _few(rows: PreparedData) -> PreparedData:
    """Return as many rows as tell what all would take: a sample of texts larger than memory."""
    from nbtune.data.stretches import sampled

    if not rows.recipe.streaming:
        return rows
    return replace(rows, splits={**rows.splits, "train": sampled(rows.splits["train"])})


def lr_find(
    data: Any = None,
    *,
    recipe: str | Path | Recipe | Resolved | None = None,
    set: Iterable[str] = (),
    min_lr: float | None = None,
    max_lr: float | None = None,
    num_training: int = 100,
    runs_dir: str | Path | None = None,
    display: str | None = None,
    **settings: Any,
) -> RateFinding:
    """Look for a learning rate: train some steps while the rate rises, and see what the loss does.

    The model is loaded for this alone, and no run is left behind.

    Parameters
    ----------
    data, recipe, set, runs_dir, display, **settings
        As for `finetune`; what the recipe says about the rate itself is not asked.
    min_lr, max_lr : float, optional
        Where the rate begins and ends; by default a hundredth of the usual rate of the model and
        method, and ten times it.
    num_training : int
        Steps; fewer are made where the loss has risen again.

    Raises
    ------
    RecipeError, DataError, ModelError
        As `finetune` does.

    Examples
    --------
    >>> nbtune.lr_find(train_df, model="minilm").suggestion  # doctest: +SKIP
    0.0002
    """
    from tempfile import TemporaryDirectory

    from nbtune.panels.progress import Progress
    from nbtune.results.rate_finding import RateFinding

    begun = begin(recipe, settings, set, runs_dir=runs_dir)
    usual = usual_rate(begun.recipe, begun.source)
    highest = max_lr or min(usual * 10, HIGHEST_RATE)
    rates = rising_rates(min_lr or usual / 100, highest, num_training)
    settled = begun.settled(
        learning_rate=usual, lr_scheduler_type="constant", lr_scheduler_kwargs={}
    )
    with Progress("learning rates tried", display) as progress, TemporaryDirectory() as place:
        rows = prepared(settled, data)
        check_layers(rows.recipe, begun.source)
        rows = replace(rows, splits={"train": _few(rows).splits["train"]})
        folder = RunStore(place).create("lr_find")
        lay_out(folder, begun.asked, rows.recipe, rows)

        def still_at_it(event: Event) -> None:
            progress(0, len(rates))

        return RateFinding(find_rate(folder, rates, usual, still_at_it, progress))
