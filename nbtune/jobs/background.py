"""A process of its own for a run, which outlives the cell, the page and the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from nbtune.errors import RunError
from nbtune.runs import RunFolder

LOOK_SECONDS = 0.02
LONGEST_WORDS = 300


def launch(folder: RunFolder, *, num_train_epochs: float | None = None) -> int:
    """Start a process that trains the run which stands ready in this folder; returns its id.

    What it says besides the events is in the run's log. When this returns the process holds the
    run, so that nobody else can train it, or has ended already.

    Parameters
    ----------
    num_train_epochs : float, optional
        Train to this many epochs instead of the recipe's.

    Raises
    ------
    RunError
        When it ended before it held the run, with its last words.
    """
    place = folder.path.resolve()
    command = [sys.executable, "-m", "nbtune", "train", str(place)]
    if num_train_epochs is not None:
        command += ["--epochs", f"{num_train_epochs:.17g}"]
    with folder.log_path.open("ab") as log:
        said = log.tell()
        child = subprocess.Popen(  # noqa: S603 - this Python, and a folder of ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_surroundings(),
            start_new_session=True,  # an interrupt or a shutdown of the kernel is not meant for it
        )
    try:
        while child.poll() is None and not (_is_signed(folder, child) and folder.is_busy()):
            time.sleep(LOOK_SECONDS)
    except BaseException:
        child.kill()
        raise
    if child.poll() is not None and not _is_signed(folder, child):
        raise RunError(
            f"{folder.title} could not be started: {_last_words(folder.log_path, said)}",
            hint=f"all that it said is in {folder.log_path}",
        )
    # Somebody has to take note of its end, or it stays in the table of processes.
    threading.Thread(target=child.wait, name="nbtune-child", daemon=True).start()
    return child.pid


def _is_signed(folder: RunFolder, child: subprocess.Popen[bytes]) -> bool:
    return bool(folder.trainer.get("pid") == child.pid)


def _surroundings() -> dict[str, str]:
    """Return the environment in which a child finds the same packages and counts as this one."""
    own = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    if (torch := sys.modules.get("torch")) is not None:
        own["OMP_NUM_THREADS"] = str(torch.get_num_threads())
    return os.environ | own


def _last_words(log: Path, start: int) -> str:
    """Return the mistake that a process told, or else the last line of what it said."""
    with log.open("rb") as stream:
        stream.seek(start)
        text = stream.read().decode("utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("nbtune: ")]
    words = (told or lines or ["it ended without a word"])[-1].removeprefix("nbtune: ")
    return words[:LONGEST_WORDS]
