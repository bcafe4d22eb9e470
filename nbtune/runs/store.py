"""All runs of a project: find one, list them, make a new one."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbtune.errors import RunError, did_you_mean
from nbtune.runs.folder import RunFolder

DEFAULT_ROOT = "nbtune-runs"
DEBRIS_SECONDS = 24 * 3600
"""What a killed process left half-made is removed after a day: nobody makes a run so long."""
SAVED = "that is a saved model: train it on with model: {}, or open it with from_pretrained"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_FOLDER = re.compile(rf"{_NAME.pattern}@[1-9][0-9]{{0,5}}")


class RunStore:
    """The runs below one folder; the folders are the truth and there is no index beside them.

    Parameters
    ----------
    root : str or Path, optional
        Where the runs lie; by default ``$NBTUNE_RUNS``, else ``nbtune-runs`` in the working
        directory, so that they stay beside the notebook that made them.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = Path(root or os.environ.get("NBTUNE_RUNS") or DEFAULT_ROOT)

    def folders(self, pattern: str = "*") -> list[RunFolder]:
        """Return the runs whose name or title fits a pattern such as ``spam*``, oldest first."""
        found = [
            RunFolder(path)
            for path in self.root.glob("*@*")
            if _FOLDER.fullmatch(path.name) and (path / "run.json").is_file()
        ]
        fitting = [
            run
            for run in found
            if fnmatch.fnmatchcase(run.name, pattern) or fnmatch.fnmatchcase(run.title, pattern)
        ]
        return sorted(fitting, key=lambda run: (run.about.get("created", 0), run.version))

    def newest(self, name: str) -> RunFolder | None:
        """Return the last version of a name, or None."""
        versions = [run for run in self.folders() if run.name == name]
        return max(versions, key=lambda run: run.version, default=None)

    def get(self, reference: str) -> RunFolder:
        """Return a run by ``name`` (its last version) or ``name@version``.

        Raises
        ------
        RunError
            When there is none, with the nearest name.
        """
        name, _, version = reference.partition("@")
        if version:
            found = next((run for run in self.folders() if run.title == reference), None)
        else:
            found = self.newest(name)
        if found is None:
            known = sorted({run.title if version else run.name for run in self.folders()})
            hint = did_you_mean(reference, known)
            if Path(reference, "config.json").is_file():
                hint = SAVED.format(reference if os.sep in reference else f"./{reference}")
            raise RunError(f"there is no run {reference!r} in {self.root}", hint=hint)
        return found

    @contextmanager
    def making(self, name: str) -> Iterator[RunFolder]:
        """Fill the folder of the next version of a name; it appears whole, or not at all.

        The folder given lies beside its place until this block ends, and then in it.

        Raises
        ------
        RunError
            When the name is not one for a folder, or nothing can be written there.
        """
        check_name(name)
        stage = self.root / f".{name}-{os.getpid()}-{time.monotonic_ns()}"
        run = RunFolder(stage)
        try:
            stage.mkdir(parents=True, mode=0o700)
            (stage / "history.jsonl").touch()
            yield run
            run.path = self.publish(stage, name)
        except OSError as error:
            raise RunError(
                f"cannot write runs to {self.root}: {error.strerror or error}",
                hint="make room, or choose another place: set NBTUNE_RUNS, or pass runs_dir",
            ) from None
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        self._sweep(name)

    def create(self, name: str) -> RunFolder:
        """Make the empty folder of the next version of a name; see `making`."""
        with self.making(name) as run:
            pass
        return run

    def publish(self, stage: Path, name: str) -> Path:
        """Move a folder to the next version of its name; another kernel may do the same."""
        versions = [int(p.name.rpartition("@")[2]) for p in self._versions(name)]
        newest = max(versions, default=0)
        for version in range(newest + 1, newest + 100):
            place = self.root / f"{name}@{version}"
            try:
                stage.rename(place)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno == errno.ENOTEMPTY:
                    continue
                raise
            return place
        raise RunError(f"cannot make a new version of {name!r} in {self.root}")

    def _versions(self, name: str) -> Iterator[Path]:
        return (p for p in self.root.glob(f"{name}@*") if _FOLDER.fullmatch(p.name))

    def _sweep(self, name: str) -> None:
        """Remove what killed processes left half-made."""
        for left in self.root.glob(f".{name}-*-*"):
            if time.time() - left.stat().st_mtime > DEBRIS_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def check_name(name: str) -> None:
    """Refuse a run name that could not be a folder and a variable.

    Raises
    ------
    RunError
        With what a name may hold.
    """
    if not _NAME.fullmatch(name):
        raise RunError(
            f"{name!r} is not a name for a run",
            hint="use letters, digits, _ and -, beginning with a letter; at most 64",
        )
