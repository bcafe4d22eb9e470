"""Frozen layers are run over all rows once, before the first step; steps begin above them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nbtune.data.batches import Encoded, WithStates
from nbtune.engine.control import Control
from nbtune.engine.inference import in_batches
from nbtune.engine.job import Job
from nbtune.engine.stepping import Forward
from nbtune.events import Event, Notice, PhaseStarted

SHARE_OF_DISK = 0.5
"""At most so much of the free disk is taken for the states."""


def check_room(forward: Forward, splits: Sequence[Encoded], folder: Path) -> None:
    """See that the states of these rows leave room on the disk.

    Raises
    ------
    OSError
        When they would not.
    """
    width = int(forward.model.config.hidden_size)
    needed = sum(int(_lengths(forward, split).sum()) for split in splits) * width * 4
    if needed > SHARE_OF_DISK * shutil.disk_usage(folder.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def run_once(
    job: Job,
    control: Control,
    tell: Callable[[Event], None],
    progress_on: Callable[[str], Callable[[int, int], None]],
) -> Job:
    """Run the frozen layers of a job once for all its epochs; returns a job that starts above them.

    The job is returned as it is where nothing is frozen, or there is no room for what they say.

    Parameters
    ----------
    progress_on : callable
        Makes of the name of a split what is called with its rows done and rows in all.
    """
    packer = job.forward.packer
    frozen = None if packer is None else packer.frozen
    if job.states is None or frozen is None:
        return job
    splits: dict[str, Encoded] = {"train": job.train}
    if job.validation is not None:
        splits["validation"] = job.validation
    tell(PhaseStarted("running frozen layers"))
    try:
        check_room(job.forward, list(splits.values()), job.states)
        with control.interruptible():
            for name, split in splits.items():
                place, progress = job.states / name, progress_on(name)
                splits[name] = with_states(job.forward, split, job.pad_id, place, progress)
    except OSError as error:
        problem = f"frozen layers run in every step: what they say is not kept ({error})"
        tell(Notice(problem, "warning"))
    else:
        count = f"{frozen.first} of {len(frozen.layers)} layers are frozen"
        tell(Notice(f"{count}: they were run once, without dropout"))
        job = replace(job, train=splits["train"], validation=splits.get("validation"))
    tell(PhaseStarted("training"))
    return job


def with_states(
    forward: Forward,
    examples: Encoded,
    pad_id: int,
    file: Path,
    progress: Callable[[int, int], None] | None = None,
) -> WithStates:
    """Run the frozen layers over all rows, and keep what they say in a memory-mapped file.

    Parameters
    ----------
    forward : Forward
        Packed; its packer knows the frozen layers.
    progress : callable, optional
        Called with rows done and rows in all, after each batch.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    packer = forward.packer
    assert packer is not None and packer.frozen is not None  # noqa: S101, PT018
    lengths = _lengths(forward, examples)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    width = 0
    file.parent.mkdir(parents=True, exist_ok=True)
    # Written, not mapped: on a disk that fills up, a write to a map would end the process.
    with file.open("wb") as stream:
        for rows, states in in_batches(
            forward,
            examples,
            pad_id,
            lambda batch: [own.cpu().numpy() for own in packer.record(lambda: forward(batch))],
            progress,
        ):
            width = states[0].shape[1]
            for row, own in zip(rows, states, strict=True):
                stream.seek(int(offsets[row]) * width * own.itemsize)
                stream.write(np.ascontiguousarray(own).data)
    mapped = np.memmap(file, dtype=np.float32, mode="r", shape=(int(offsets[-1]), width))
    # A slice of a `memmap` takes four times as long as one of the array it is.
    return WithStates(examples, np.asarray(mapped), lengths, packer.frozen.shorten)


def _lengths(forward: Forward, examples: Encoded) -> np.ndarray[Any, Any]:
    assert forward.packer is not None and forward.packer.frozen is not None  # noqa: S101, PT018
    own = np.asarray(examples.lengths)
    return own if forward.packer.frozen.looked == "all" else np.ones_like(own)
