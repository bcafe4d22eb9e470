"""A run meets labelled rows: predict, judge, write down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.jobs.folders import read_rows
from nbtune.jobs.trained import ask
from nbtune.recipe import from_yaml
from nbtune.results.evaluation import Evaluation
from nbtune.results.run import Run
from nbtune.runs.files import write_text
from nbtune.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd


def judge_run(
    run: Run,
    data: Any = None,
    split: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a run on rows of its own, or on others; see `nbtune.api.evaluate`."""
    from nbtune.evaluation.baselines import load_baselines

    trained, recipe = run.trained, from_yaml(run.folder.recipe_text)
    task, known = task_of(recipe), trained.known
    name, rows, left_out = _rows(run, data, split)
    found = ask(trained, recipe, rows, progress)
    others = load_baselines(run.folder.path / "baselines")
    baselines = {baseline.name: baseline.predict(rows) for baseline in others}
    record = task.judge(run.name, name, rows, found, known, baselines)
    record = replace(record, left_out=left_out)
    frame = task.table(rows, found, known)
    if data is None:
        _write_down(run, record.to_json(), frame, name)
    return Evaluation(record, frame)


def _rows(run: Run, data: Any, split: str | None) -> tuple[str, pd.DataFrame, str]:
    about = run.folder.about
    if data is not None:
        from nbtune.data.preparing import labelled_rows

        recipe = from_yaml(run.folder.recipe_text)
        kind = task_of(recipe).rows
        return ("data", *labelled_rows(recipe, data, about["columns"], run.labels, kind))
    there = [name for name in ("test", "validation", "train") if name in about["rows"]]
    chosen = split or there[0]
    if chosen not in there:
        raise RunError(
            f"{run.name} has no {chosen!r} rows", hint=f"it has {', '.join(there)}; or give data"
        )
    return chosen, read_rows(run.folder, chosen), ""


def _write_down(run: Run, record: str, frame: pd.DataFrame, split: str) -> None:
    folder = run.folder.path / "evaluations"
    folder.mkdir(exist_ok=True)
    write_text(folder / f"{split}.json", record)
    inputs = [role for role in run.task.rows.inputs if role in frame]
    frame.drop(columns=inputs).to_parquet(folder / f"{split}.parquet", index=False)
