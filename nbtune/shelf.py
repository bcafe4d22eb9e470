"""Puts the runs of a project in order; nothing is lost before `purge_runs`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nbtune.errors import RunError, did_you_mean
from nbtune.runs import RunFolder, RunStore, tidying


def delete_runs(pattern: str, *, runs_dir: str | Path | None = None) -> list[str]:
    """Put runs away; `restore_runs` brings them back.

    Parameters
    ----------
    pattern : str
        ``topics@2``, or for several ``topics*``.

    Returns
    -------
    list of str
        What was deleted.

    Raises
    ------
    RunError
        When no run fits, or one is being trained; then all stay.
    """
    store = RunStore(runs_dir)
    found = _fitting(store, pattern)
    if busy := [run.title for run in found if run.is_busy()]:
        raise RunError(
            f"{', '.join(busy)} is being trained by another kernel", hint="stop it there first"
        )
    for run in found:
        tidying.delete(store, run)
    return [run.title for run in found]


def restore_runs(pattern: str = "*", *, runs_dir: str | Path | None = None) -> list[str]:
    """Bring deleted runs back; where a title is taken, as the next version of its name.

    Raises
    ------
    RunError
        When no deleted run fits.
    """
    return [run.title for run in tidying.restore(RunStore(runs_dir), pattern)]


def purge_runs(*, runs_dir: str | Path | None = None) -> int:
    """Remove deleted runs for good; returns the bytes that this frees."""
    return tidying.purge(RunStore(runs_dir))


def free_runs(pattern: str = "*", *, runs_dir: str | Path | None = None) -> int:
    """Remove the checkpoints of finished runs, which then cannot be trained further.

    Models, scores and histories stay. Runs that are not finished are left alone.

    Returns
    -------
    int
        Bytes that this frees.

    Raises
    ------
    RunError
        When no run fits, or the only one that does is not finished.
    """
    found = _fitting(RunStore(runs_dir), pattern)
    finished = [run for run in found if run.status() == "finished"]
    return sum(tidying.free(run) for run in finished or found)


def rename_run(run: str, name: str, *, runs_dir: str | Path | None = None) -> str:
    """Give a run another name; returns what it is called now, such as ``mails@1``.

    Raises
    ------
    RunError
        When there is no such run, it is being trained, or the name is not one for a run.
    """
    store = RunStore(runs_dir)
    return tidying.rename(store, store.get(run), name).title


def describe_run(
    run: str,
    *,
    note: str | None = None,
    tags: Iterable[str] | None = None,
    runs_dir: str | Path | None = None,
) -> None:
    """Write a note or tags beside a run, in place of those it had.

    Raises
    ------
    RunError
        When there is no such run, or the note is longer than 1,000 characters.
    """
    tidying.describe(RunStore(runs_dir).get(run), note=note, tags=tags)


def _fitting(store: RunStore, pattern: str) -> list[RunFolder]:
    if not (found := store.folders(pattern)):
        known = sorted({word for run in store.folders() for word in (run.name, run.title)})
        raise RunError(f"no run fits {pattern!r}", hint=did_you_mean(pattern, known))
    return found
