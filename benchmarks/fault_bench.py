"""Runs of a tiny model that faults are brought about in, and how often they went well."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import nbtune
from nbtune.events import StepsDone
from nbtune.models.loading import quiet
from nbtune.testing import tiny_model_folder, topic_rows

ROWS = topic_rows(90)
TEXTS = list(ROWS["text"][:8])
SHORT = {"num_train_epochs": 2}  # 12 steps
LONG = {"num_train_epochs": 40, "eval_steps": 20}  # 240 steps


@dataclass
class Tally:
    """How often it went well, of how many times, and what went wrong."""

    good: int = 0
    tried: int = 0
    wrong: list[str] = field(default_factory=list)

    def note(self, well: bool, what: str = "") -> None:
        self.tried += 1
        self.good += well
        if not well:
            self.wrong.append(what)


class Bench:
    """A tiny model in a folder, and runs of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        with quiet():
            self.model = str(tiny_model_folder(folder / "model"))
        self.runs = folder / "runs"
        self.known: dict[str, np.ndarray[Any, Any]] = {}

    def train(self, name: str, **settings: Any) -> nbtune.Run:
        usual = {"model": self.model, "learning_rate": 1e-3, "test_size": 0, "baseline": False}
        where = {"runs_dir": self.runs, "display": "none"}
        return nbtune.finetune(ROWS, name, **where | usual | settings)

    def resume(self, name: str) -> nbtune.Run:
        return nbtune.resume(name, runs_dir=self.runs, display="none")

    def load(self, name: str) -> nbtune.Run:
        return nbtune.load(name, runs_dir=self.runs)

    def whole(self, **settings: Any) -> np.ndarray[Any, Any]:
        """What the run predicts that nothing happens to."""
        key = repr(sorted(settings.items()))
        if key not in self.known:
            run = self.train(f"whole_{len(self.known)}", **settings)
            self.known[key] = run.predict_proba(TEXTS)
        return self.known[key]

    def is_whole(self, run: nbtune.Run, **settings: Any) -> bool:
        return np.array_equal(run.predict_proba(TEXTS), self.whole(**settings))


def live(bench: Bench, name: str, settings: dict[str, Any]) -> None:
    """Train in a child until it is killed, or done."""
    try:
        bench.train(name, **settings)
    finally:
        os._exit(0)


def wait_for_steps(bench: Bench, name: str) -> None:
    """Wait until the run in another process has told of steps."""
    history = bench.runs / f"{name}@1" / "history.jsonl"
    while not (history.is_file() and "StepsDone" in history.read_text()):
        time.sleep(0.01)


@contextmanager
def acting(wishes: dict[int, Callable[[], Any]]) -> Iterator[None]:
    """Do something, once, when these steps have been made."""
    waiting = dict(wishes)

    class View:
        def __call__(self, event: Any) -> None:
            if isinstance(event, StepsDone) and event.step in waiting:
                waiting.pop(event.step)()

        def close(self, *, tables: bool = True) -> None:
            pass

    with (
        patch("nbtune.engine.reporting.REPORT_SECONDS", 0.0),
        patch("nbtune.panels.display.open_view", lambda *_: View()),
    ):
        yield
