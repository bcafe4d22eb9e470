"""Runs are put away and brought back, renamed, described, and made smaller."""

from __future__ import annotations

import fnmatch
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbtune.errors import RunError, did_you_mean
from nbtune.runs.files import read_json, write_json
from nbtune.runs.folder import RunFolder
from nbtune.runs.store import RunStore, check_name

BIN = ".deleted"
WORDS = "words.json"
LONGEST_NOTE = 1000


def delete(store: RunStore, run: RunFolder) -> None:
    """Put a run away, where `restore` finds it until `purge`.

    Raises
    ------
    RunError
        When it is being trained, or the folder cannot be moved.
    """
    away = store.root / BIN / f"{run.title}.{time.time_ns()}"
    with _at_rest(run):
        away.parent.mkdir(exist_ok=True)
        run.path.rename(away)


def restore(store: RunStore, pattern: str = "*") -> list[RunFolder]:
    """Bring back runs that were put away; where a title is taken, as the next version.

    Raises
    ------
    RunError
        When none that was put away fits the pattern.
    """
    put_away = list(_put_away(store))
    fitting = [at for at in put_away if _fits(at, pattern)]
    if not fitting:
        titles = sorted({_title(at) for at in put_away})
        raise RunError(
            f"no deleted run fits {pattern!r}",
            hint=did_you_mean(pattern, titles) if titles else "nothing was deleted here",
        )
    return [_brought_back(store, at) for at in fitting]


def purge(store: RunStore) -> int:
    """Remove for good what was put away; returns the bytes that this frees."""
    freed = 0
    for path in _put_away(store):
        freed += size_of(path)
        shutil.rmtree(path, ignore_errors=True)
    return freed


def rename(store: RunStore, run: RunFolder, name: str) -> RunFolder:
    """Give a run another name; it becomes the next version of that name.

    Raises
    ------
    RunError
        When the name is not one for a run, or the run is being trained.
    """
    check_name(name)
    with _at_rest(run):
        return RunFolder(store.publish(run.path, name))


def free(run: RunFolder) -> int:
    """Remove what a finished run needs only to train further; returns the bytes that this frees.

    Its model, scores and history stay.

    Raises
    ------
    RunError
        When the run is not finished: it would lose what it goes on from.
    """
    if run.status() != "finished" or not run.model_path.is_dir():
        raise RunError(
            f"{run.title} is {run.status()}, and goes on from its checkpoints",
            hint=f"finish it (%resume {run.title}) or delete it",
        )
    with _at_rest(run):
        checkpoints = run.path / "checkpoints"
        freed = size_of(checkpoints)
        shutil.rmtree(checkpoints, ignore_errors=True)
    return freed


def describe(run: RunFolder, *, note: str | None = None, tags: Iterable[str] | None = None) -> None:
    """Write a note or tags beside a run; an empty one takes away what was there.

    Raises
    ------
    RunError
        When a note is longer than 1,000 characters.
    """
    if note is not None and len(note) > LONGEST_NOTE:
        raise RunError(f"the note has {len(note):,} characters", hint="at most 1,000")
    words = words_of(run)
    if note is not None:
        words["note"] = note.strip()
    if tags is not None:
        words["tags"] = sorted({tag.strip() for tag in tags if tag.strip()})
    write_json(run.path / WORDS, words)


def words_of(run: RunFolder) -> dict[str, Any]:
    """Return ``note`` and ``tags`` of a run."""
    return {"note": "", "tags": [], **(read_json(run.path / WORDS) or {})}


def size_of(path: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


@contextmanager
def _at_rest(run: RunFolder) -> Iterator[None]:
    """Keep others from training the run meanwhile, and say in our words what the disk refuses."""
    try:
        with run.hold():
            yield
    except OSError as error:
        raise RunError(f"cannot move {run.title}: {error.strerror or error}") from None


def _put_away(store: RunStore) -> Iterator[Path]:
    """Return the folders of deleted runs, the one deleted last first."""
    found = (store.root / BIN).glob("*@*.*")
    return iter(sorted(found, key=lambda path: path.name.rpartition(".")[2], reverse=True))


def _title(path: Path) -> str:
    return path.name.rpartition(".")[0]


def _fits(path: Path, pattern: str) -> bool:
    title = _title(path)
    return any(fnmatch.fnmatchcase(word, pattern) for word in (title, title.rpartition("@")[0]))


def _brought_back(store: RunStore, path: Path) -> RunFolder:
    place = store.root / _title(path)
    if place.exists():
        return RunFolder(store.publish(path, place.name.rpartition("@")[0]))
    path.rename(place)
    return RunFolder(place)
