"""From which probability on a run gives a label: chosen on its validation rows, kept beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nbtune.errors import RunError
from nbtune.jobs.folders import read_rows, settled_of, write_known
from nbtune.recipe import from_yaml
from nbtune.records import Choice
from nbtune.results.run import Run
from nbtune.tasks import Predictions

if TYPE_CHECKING:
    import pandas as pd


def decide_run(
    run: Run,
    choices: Sequence[Choice],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Choose thresholds and write them beside the model; see `nbtune.api.evaluate`.

    Raises
    ------
    RunError
        When no threshold decides what this run gives, a choice cannot be met, or the run trains.
    """
    decide = run.task.decide
    if decide is None:
        raise RunError(
            f"threshold: {run.name} has learnt {run.task.summary}, which no threshold decides",
            hint="thresholds suit two labels, or several a text (multi_label_classification)",
        )
    if not run.folder.model_path.is_dir():
        raise RunError(
            f"{run.name} has no model yet: it is {run.status}",
            hint=f"go on with it: %resume {run.name}",
        )

    def held_out() -> tuple[pd.DataFrame, Predictions]:
        if "validation" not in run.folder.about["rows"]:
            raise RunError(
                f"threshold: {run.name} has no validation rows to choose on",
                hint="name a probability: --threshold 0.3",
            )
        rows = read_rows(run.folder, "validation")
        return rows, run.ask(rows, progress)

    found = decide(settled_of(run.folder), choices, held_out)
    with run.folder.hold():  # who trains it on meanwhile would write there too
        write_known(run.folder.model_path, from_yaml(run.folder.recipe_text), found)
