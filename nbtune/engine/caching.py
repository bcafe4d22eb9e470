"""Frozen layers are run over all rows once, before the first step; steps begin above them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nbtune.data.batches import Encoded, WithStates
from nbtune.engine.inference import in_batches
from nbtune.engine.stepping import Forward

SHARE_OF_DISK = 0.5
"""At most so much of the free disk is taken for the states."""


def state_bytes(forward: Forward, examples: Encoded) -> int:
    """Return the size of the states of these rows."""
    width = int(forward.model.config.hidden_size)
    return int(_lengths(forward, examples).sum()) * width * 4


def fits(forward: Forward, splits: list[Encoded], folder: Path) -> bool:
    """Tell whether the states of these rows leave room on the disk."""
    free = shutil.disk_usage(folder.parent).free
    return sum(state_bytes(forward, split) for split in splits) < SHARE_OF_DISK * free


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
    """
    packer = forward.packer
    assert packer is not None and packer.frozen is not None  # noqa: S101, PT018
    lengths = _lengths(forward, examples)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    flat: np.ndarray[Any, Any] | None = None
    for rows, states in in_batches(
        forward,
        examples,
        pad_id,
        lambda batch: [own.cpu().numpy() for own in packer.record(lambda: forward(batch))],
        progress,
    ):
        if flat is None:
            shape = (int(offsets[-1]), states[0].shape[1])
            file.parent.mkdir(parents=True, exist_ok=True)
            flat = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
        for row, own in zip(rows, states, strict=True):
            flat[offsets[row] : offsets[row + 1]] = own
    assert flat is not None  # noqa: S101 - no split is empty
    return WithStates(examples, flat, lengths, packer.frozen.shorten)


def _lengths(forward: Forward, examples: Encoded) -> np.ndarray[Any, Any]:
    assert forward.packer is not None and forward.packer.frozen is not None  # noqa: S101, PT018
    own = np.asarray(examples.lengths)
    return own if forward.packer.frozen.looked == "all" else np.ones_like(own)
