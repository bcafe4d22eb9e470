"""Rows on which several runs can be compared: none of them may have been trained on one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nbtune.errors import RunError
from nbtune.jobs.folders import read_rows
from nbtune.recipe import from_yaml
from nbtune.results.run import Run

if TYPE_CHECKING:
    import pandas as pd

FEWEST_IN_COMMON = 30
"""Test rows that runs of different test data must share to be compared on those."""


def rows_in_common(runs: Sequence[Run], data: Any) -> tuple[str, pd.DataFrame, list[str]]:
    """Return what the rows are called, the rows as runs keep them, and what was done for it.

    With the same test rows those are taken whole; otherwise what their test rows share, without
    texts that any of the runs has seen in training. Rows of ``data`` lose such texts as well.

    Raises
    ------
    RunError
        When the runs have no, or too few, rows in common.
    DataError
        When ``data`` cannot be used.
    """
    if data is not None:
        return _given(runs, data)
    tests = [_test_rows(run) for run in runs]
    keys = [run.task.rows.keys(rows) for run, rows in zip(runs, tests, strict=True)]
    if all(other == keys[0] for other in keys[1:]):
        return "test", tests[0], []
    shared = set(keys[0]).intersection(*keys[1:])
    rows, seen = _without_seen(tests[0][[key in shared for key in keys[0]]], runs)
    if len(rows) < FEWEST_IN_COMMON:
        raise RunError(
            f"the runs were tested on different rows, and share {len(rows)} that none has seen",
            hint="score them on rows of their own: %compare ... --data held_out_df",
        )
    notes = [f"their test rows differ: scored again on the {len(rows):,} that all of them share"]
    return "shared test", rows, notes + seen


def _given(runs: Sequence[Run], data: Any) -> tuple[str, pd.DataFrame, list[str]]:
    from nbtune.data.preparing import labelled_rows

    first = runs[0]
    recipe = from_yaml(first.folder.recipe_text)
    columns, kind = first.folder.about["columns"], first.task.rows
    rows, left_out = labelled_rows(recipe, data, columns, first.labels, kind)
    rows, seen = _without_seen(rows, runs)
    if rows.empty:
        raise RunError(
            "data: every row is one that a run has seen in training",
            hint="give rows that were held out from all of them",
        )
    return "data", rows, [*([left_out] if left_out else []), *seen]


def _test_rows(run: Run) -> pd.DataFrame:
    if "test" not in run.folder.about["rows"]:
        raise RunError(
            f"{run.name} has no test rows",
            hint="name rows to compare on: %compare ... --data held_out_df",
        )
    return read_rows(run.folder, "test")


def _without_seen(rows: pd.DataFrame, runs: Sequence[Run]) -> tuple[pd.DataFrame, list[str]]:
    """Leave out the rows whose text was among those that a run was trained or picked on."""
    looked_at = ("train", "validation")
    seen = {
        text
        for run in runs
        for split in looked_at
        if split in run.folder.about["rows"]
        for text in run.task.rows.identity(read_rows(run.folder, split))
    }
    is_new = [text not in seen for text in runs[0].task.rows.identity(rows)]
    kept = rows[is_new].reset_index(drop=True)
    count = len(rows) - len(kept)
    return kept, [f"left out {count:,} rows that a run has seen in training"] if count else []
