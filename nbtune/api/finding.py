"""Runs by their names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nbtune.results.run import Run
from nbtune.runs import RunStore

if TYPE_CHECKING:
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
    """Return the table of runs whose name fits the pattern, newest last."""
    from nbtune.results.run_table import RunTable, summarise

    return RunTable([summarise(folder) for folder in RunStore(runs_dir).folders(pattern)])


def run_of(run: str | Run, runs_dir: str | Path | None) -> Run:
    """Return the run that is meant, be it named or given."""
    return run if isinstance(run, Run) else load(run, runs_dir=runs_dir)
