"""Runs as points of a figure: judged once on held-out rows, and resampled together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError, did_you_mean
from nbtune.jobs.folders import read_rows, settled_of
from nbtune.recipe import from_yaml
from nbtune.records import SCORES, EvaluationRecord, worth
from nbtune.results.run import Run

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class Point:
    """What is known of a run on its held-out rows: the record, and what it said of each row."""

    run: Run
    record: EvaluationRecord
    frame: pd.DataFrame

    @property
    def split(self) -> str:
        """The rows that it was judged on."""
        return self.record.split

    def rival(self, metric: str) -> tuple[str, float]:
        """Return the best baseline and its score; no name and NaN where there is none."""
        others = [(one.name, one.scores[metric].value) for one in self.record.table[:-1]]
        return max(others, key=lambda one: worth(metric, one[1]), default=("", float("nan")))

    def samples(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return all scores on resamples of the rows, the same for every run on these rows."""
        said = self.frame[[f"p({label})" for label in self.run.labels]].to_numpy()
        return self._resampled(said, settled_of(self.run.folder).thresholds)

    def baseline_samples(self, name: str) -> dict[str, np.ndarray[Any, Any]]:
        """Return the same of a baseline of this run."""
        from nbtune.jobs.line_zero import line_zero
        from nbtune.results.judging import fitted_baselines

        folder = self.run.folder
        rows, recipe = read_rows(folder, self.split), from_yaml(folder.recipe_text)
        said = fitted_baselines(self.run, rows)
        if name not in said:
            said |= line_zero(recipe, self.run.labels, rows, kept=folder, split=self.split)
        return self._resampled(said[name])

    def _resampled(
        self, said: np.ndarray[Any, Any], thresholds: Sequence[float] = ()
    ) -> dict[str, np.ndarray[Any, Any]]:
        from nbtune.evaluation.bootstrap import resampled

        ids = {label: place for place, label in enumerate(self.run.labels)}
        return resampled(self.frame["label"].map(ids).to_numpy(), said, thresholds=thresholds)


def held_out(run: Run) -> str:
    """Return which rows a run is judged on: test where there are some, else validation."""
    return next((s for s in ("test", "validation") if s in run.folder.about["rows"]), "")


def judged(run: Run) -> Point:
    """Judge a run on its held-out rows, unless what was found is kept and no older than it."""
    import pandas as pd

    split = held_out(run)
    place = run.folder.path / "evaluations"
    record, frame = place / f"{split}.json", place / f"{split}.parquet"
    newest = max(file.stat().st_mtime for file in run.folder.model_path.iterdir())
    if not frame.is_file() or frame.stat().st_mtime < newest:
        from nbtune.results.judging import judge_run

        judge_run(run, split=split)
    found = EvaluationRecord.from_json(record.read_text(encoding="utf-8"))
    return Point(run, found, pd.read_parquet(frame))


def refuse_unfit(run: Run, metric: str) -> list[str]:
    """Return what keeps a run from being judged by runs beside it.

    Raises
    ------
    RunError
        When it has learnt something that these are not there for.
    """
    if "accuracy" not in run.task.scores:
        raise RunError(
            f"{run.name} has learnt {run.task.summary}; this is for one label a text",
            hint=f"%evaluate {run.name} gives its scores with intervals",
        )
    wrong = []
    if run.status != "finished":
        wrong.append(f"{run.name} is {run.status}, not finished")
    if not held_out(run):
        wrong.append(f"{run.name} has no test or validation rows")
    if metric not in SCORES:
        wrong.append(f"there is no score {metric!r} ({did_you_mean(metric, SCORES)})")
    return wrong
