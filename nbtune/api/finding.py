"""Runs by their names, and the rows that they are asked about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.results.run import Run
from nbtune.runs import RunStore

if TYPE_CHECKING:
    import pandas as pd

    from nbtune.results.run_table import RunTable


def load(run: str, *, runs_dir: str | Path | None = None) -> Run:
    """Return a run by name (its last version) or ``name@version``.

    Raises
    ------
    RunError
        When there is none.
    """
    return Run(RunStore(runs_dir).get(run))


def list_runs(pattern: str = "*", *, runs_dir: str | Path | None = None) -> RunTable:
    """Return the table of runs whose name fits the pattern, newest last.

    Runs of a learning curve or of other seeds stand below the run that they belong to.
    """
    from nbtune.results.run_table import RunTable, grouped, summarise

    folders = RunStore(runs_dir).folders(pattern)
    return RunTable(grouped([summarise(folder) for folder in folders]))


def newest_run(runs_dir: str | Path | None) -> Run:
    """Return the run that was made last, of those with a model.

    Raises
    ------
    RunError
        When there is none.
    """
    folders = [one for one in RunStore(runs_dir).folders() if one.model_path.is_dir()]
    if not folders:
        raise RunError(
            "there is no run with a model yet", hint="train one with %%finetune, or name a run"
        )
    return Run(max(folders, key=lambda one: float(one.about.get("created", 0))))


def run_of(run: str | Run, runs_dir: str | Path | None) -> Run:
    """Return the run that is meant, be it named or given."""
    return run if isinstance(run, Run) else load(run, runs_dir=runs_dir)


def rows_in(texts: Any, column: str | None, run: Run) -> pd.DataFrame:
    """Return the rows of a frame, a data set or a file, or those that some texts make."""
    is_table = isinstance(texts, Path) or hasattr(texts, "columns") or hasattr(texts, "to_pandas")
    if not is_table and column is None:
        return run.rows_of(texts)
    from nbtune.data.reading import read_all

    named = {**run.folder.about["columns"], **({} if column is None else {"text": column})}
    return run.task.rows.unlabelled(read_all(texts), named, run.recipe.settings)
