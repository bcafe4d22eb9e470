"""One run on disk: its recipe, its history, its checkpoints, and what it is doing now."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbtune import events
from nbtune.errors import RunError
from nbtune.events import Event, RunStarted, RunStopped
from nbtune.runs.checkpoints import CheckpointStore
from nbtune.runs.files import read_json, write_json, write_text

STATUS_OF_REASON = {
    "finished": "finished",
    "stopped early": "finished",
    "interrupted": "paused",
    "failed": "failed",
}


class UnwritableError(RunError):
    """A run in a place where nothing can be written."""


class RunFolder:
    """A run's folder; every property reads the disk, so any kernel sees the same.

    Attributes
    ----------
    path : Path
        ``<root>/<name>@<version>``
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The name the user gave, without the version."""
        return self.path.name.rpartition("@")[0]

    @property
    def version(self) -> int:
        """Which run of that name this is, from 1."""
        return int(self.path.name.rpartition("@")[2])

    @property
    def title(self) -> str:
        """How the run is called: ``topics@2``."""
        return self.path.name

    @property
    def about(self) -> dict[str, Any]:
        """What was fixed when the run was made: task, labels, data fingerprint, versions."""
        return read_json(self.path / "run.json") or {}

    @property
    def recipe_text(self) -> str:
        """The recipe as YAML, with every default that was chosen for it written out."""
        return (self.path / "recipe.yaml").read_text(encoding="utf-8")

    @property
    def model_path(self) -> Path:
        """The best weights with tokenizer and config, as ``from_pretrained`` reads them."""
        return self.path / "model"

    @property
    def history_path(self) -> Path:
        """What happened, one event a line."""
        return self.path / "history.jsonl"

    @property
    def log_path(self) -> Path:
        """What a process of its own said while it trained this run, beside the history."""
        return self.path / "log.txt"

    @property
    def trainer(self) -> dict[str, Any]:
        """Who trains this run, or trained it last: ``pid``, and whether ``in_background``."""
        return read_json(self.path / "process.json") or {}

    @property
    def last(self) -> CheckpointStore:
        """Checkpoints to go on from: weights, optimiser, schedule, random states, place.

        The one before the newest is kept too: a disk may spoil what had verified.
        """
        return CheckpointStore(self.path / "checkpoints" / "last", keep=2)

    @property
    def best(self) -> CheckpointStore:
        """Weights with the best validation score so far."""
        return CheckpointStore(self.path / "checkpoints" / "best")

    @property
    def is_freed(self) -> bool:
        """Whether the run has its model, but nothing more to go on from."""
        return self.model_path.is_dir() and not (self.path / "checkpoints").is_dir()

    def describe(self, about: dict[str, Any], recipe_text: str) -> None:
        """Write down what the run is, once, when it is made."""
        write_text(self.path / "recipe.yaml", recipe_text)
        write_json(self.path / "run.json", about)

    def sign(self, *, in_background: bool) -> None:
        """Write down that this process trains the run, which it must hold."""
        trainer = {"pid": os.getpid(), "in_background": in_background}
        write_json(self.path / "process.json", trainer)

    def append(self, event: Event) -> None:
        """Add one event to the history; it is on its way to the disk when this returns."""
        with self.history_path.open("a+b") as stream:
            line = events.to_json(event, time.time()).encode() + b"\n"
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
                if stream.read() != b"\n":  # a kill or a full disk cut the last line
                    line = b"\n" + line
            stream.write(line)

    def history(self) -> list[tuple[float, Event]]:
        """Return all events with their times; a cut last line is passed over."""
        try:
            text = self.history_path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return [pair for line in text.splitlines() if (pair := events.from_json(line))]

    def status(self) -> str:
        """Say ``running``, ``finished``, ``paused``, ``failed``, or ``interrupted`` (killed)."""
        if self.is_busy():
            return "running"
        for _, event in reversed(self.history()):
            if isinstance(event, RunStopped):
                return STATUS_OF_REASON.get(event.reason, "failed")
            if isinstance(event, RunStarted):
                break
        return "interrupted"

    def is_busy(self) -> bool:
        """Whether some kernel trains this run now."""
        try:
            with self.hold(patience=0):
                return False
        except UnwritableError:
            return False
        except RunError:
            return True

    @contextmanager
    def hold(self, patience: float = 0.5) -> Iterator[None]:
        """Keep every other kernel from training this run; freed when this process dies.

        Parameters
        ----------
        patience : float
            Seconds to wait for one that only looks whether the run is busy.

        Raises
        ------
        RunError
            When another one holds it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / ".lock", timeout=patience)
        try:
            lock.acquire()
        except Timeout:
            raise RunError(
                f"{self.title} is being trained already",
                hint=f"%watch {self.title} shows it, %stop {self.title} ends it",
            ) from None
        except OSError as error:
            raise UnwritableError(
                f"cannot write to {self.path}: {error.strerror or error}",
                hint="make it writable, or copy the run to where it is",
            ) from None
        try:
            yield
        finally:
            lock.release()
