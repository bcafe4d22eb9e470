"""Runs as points of a figure: judged once on held-out rows, and resampled together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.jobs.folders import read_rows, settled_of
from nbtune.recipe import from_yaml
from nbtune.records import EvaluationRecord, worth
from nbtune.results.comparable import refuse_score
from nbtune.results.run import Run
from nbtune.results.sampling import is_current, sampled

if TYPE_CHECKING:
    import numpy as np

    from nbtune.tasks import Predictions

    Samples = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Point:
    """What is known of a run on its held-out rows."""

    run: Run
    record: EvaluationRecord

    @property
    def split(self) -> str:
        """The rows that it was judged on."""
        return self.record.split

    def rival(self, metric: str) -> tuple[str, float]:
        """Return the best baseline and its score; no name and NaN where there is none."""
        others = [
            (one.name, value)
            for one in self.record.table[:-1]
            if metric in one.scores and (value := one.scores[metric].value) == value
        ]
        return max(others, key=lambda one: worth(metric, one[1]), default=("", float("nan")))

    def samples(self) -> Samples:
        """Return all scores on resamples of the rows, the same for every run on these rows."""
        return sampled(self.run, read_rows(self.run.folder, self.split), self.split).samples

    def baseline_samples(self, name: str) -> Samples:
        """Return the same of a baseline of this run."""
        from nbtune.evaluation.bootstrap import resample

        rows = read_rows(self.run.folder, self.split)
        known = replace(settled_of(self.run.folder), thresholds=())  # these are the model's own
        weighted = self.run.task.weighted(rows, self._said(name, rows), known)
        return resample(weighted, len(rows), max(1, len(known.labels)))

    def _said(self, name: str, rows: Any) -> Predictions:
        """Return what a baseline says of rows: one that was fitted, zero-shot, or the start."""
        from nbtune.jobs.line_zero import line_zero
        from nbtune.results.judging import before_training_of, fitted_baselines

        run = self.run
        said = fitted_baselines(run, rows)
        if name not in said:
            recipe = from_yaml(run.folder.recipe_text)
            said |= line_zero(recipe, run.labels, rows, kept=run.folder, split=self.split)
        return said[name] if name in said else before_training_of(run, rows)[name]


def held_out(run: Run) -> str:
    """Return which rows a run is judged on: test where there are some, else validation."""
    return next((s for s in ("test", "validation") if s in run.folder.about["rows"]), "")


def judged(run: Run) -> Point:
    """Judge a run on its held-out rows, unless what was found is kept and no older than it."""
    split = held_out(run)
    file = run.folder.path / "evaluations" / f"{split}.json"
    if not is_current(run, file):
        from nbtune.results.judging import judge_run

        judge_run(run, split=split, is_sampled=True)
    return Point(run, EvaluationRecord.from_json(file.read_text(encoding="utf-8")))


def refuse_unfit(run: Run, metric: str | None) -> list[str]:
    """Return what keeps a run from being judged by runs beside it.

    Raises
    ------
    RunError
        When its task has no such score.
    """
    wrong = []
    if run.status != "finished":
        wrong.append(f"{run.name} is {run.status}, not finished")
    if not held_out(run):
        wrong.append(f"{run.name} has no test or validation rows")
    try:
        refuse_score(run, metric)
    except RunError as error:
        wrong.append(f"{error.problem} ({error.hint})")
    return wrong
