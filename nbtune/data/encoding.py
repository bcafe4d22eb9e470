"""Rows tokenised once, into flat ids on disk that are read as if they were in memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nbtune.errors import DataError

AT_ONCE = 1_000
CHARACTERS_PER_TOKEN = 40
"""Longer texts are cut to this many characters a token first: a megabyte then costs nothing."""

Array = np.ndarray[Any, Any]


class Examples:
    """Tokenised rows of a split, memory-mapped.

    Parameters
    ----------
    folder : Path
        Written by `write_examples`.

    Attributes
    ----------
    ids : ndarray
        The ids of all rows in one line.
    offsets : ndarray of int64
        Of shape (rows + 1,); row i is ``ids[offsets[i]:offsets[i + 1]]``.
    targets : ndarray of int64
        Label ids of shape (rows,).
    cut : ndarray of bool
        Rows that were longer than ``max_length``.
    """

    def __init__(self, folder: Path) -> None:
        self.ids = _open(folder / "ids.npy")
        self.offsets = _open(folder / "offsets.npy")
        self.targets = _open(folder / "targets.npy")
        self.cut = _open(folder / "cut.npy")
        self.lengths = np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> Array:
        row = range(len(self))[row]
        return np.asarray(self.ids[self.offsets[row] : self.offsets[row + 1]])

    def take(self, indices: Any) -> list[Array]:
        """Return the ids of these rows."""
        return [self[int(row)] for row in indices]


def _open(file: Path) -> Array:
    return np.load(file, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def write_examples(
    texts: Sequence[str],
    targets: Sequence[int],
    tokenizer: Any,
    max_length: int,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Examples:
    """Tokenise rows, a thousand at a time, and write them to a folder that appears whole.

    Parameters
    ----------
    targets : sequence of int
        Label ids, one a text.
    max_length : int
        Longest row in tokens; longer ones are cut and counted.
    progress : callable, optional
        Called with rows done and rows in all.

    Raises
    ------
    DataError
        When a row has no token left.
    """
    stage = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        _write(texts, targets, tokenizer, max_length, stage, progress)
        stage.rename(folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return Examples(folder)


def _write(
    texts: Sequence[str],
    targets: Sequence[int],
    tokenizer: Any,
    max_length: int,
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    kind = np.uint16 if len(tokenizer) <= np.iinfo(np.uint16).max else np.int32
    lengths: list[int] = []
    cut: list[bool] = []
    with (folder / "ids.bin").open("wb") as stream:
        for start in range(0, len(texts), AT_ONCE):
            rows, were_cut = _tokens(texts[start : start + AT_ONCE], tokenizer, max_length)
            empty = next((i for i, row in enumerate(rows) if not row), None)
            if empty is not None:
                raise DataError(
                    f"the tokenizer finds no token in the text {texts[start + empty][:40]!r}",
                    hint="leave such rows out, or use a tokenizer that knows their characters",
                )
            lengths += map(len, rows)
            cut += were_cut
            stream.write(np.concatenate([np.asarray(row) for row in rows]).astype(kind).tobytes())
            if progress is not None:
                progress(min(start + AT_ONCE, len(texts)), len(texts))
    np.save(folder / "ids.npy", np.memmap(folder / "ids.bin", dtype=kind, mode="r"))
    (folder / "ids.bin").unlink()
    np.save(folder / "offsets.npy", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    np.save(folder / "targets.npy", np.asarray(targets, dtype=np.int64))
    np.save(folder / "cut.npy", np.asarray(cut, dtype=bool))


def open_examples(folder: Path) -> Examples:
    """Open what `write_examples` wrote."""
    return Examples(folder)


def _tokens(
    texts: Sequence[str], tokenizer: Any, max_length: int
) -> tuple[list[list[int]], list[bool]]:
    """Tokenise, and see which rows were cut: they alone overflow by one token more."""
    longest = CHARACTERS_PER_TOKEN * max_length
    shorter = [text[:longest] for text in texts]
    rows = tokenizer(shorter, truncation=True, max_length=max_length)["input_ids"]
    full = [i for i, row in enumerate(rows) if len(row) >= max_length]
    cut = [len(text) > longest for text in texts]
    if full:
        again = tokenizer([shorter[i] for i in full], truncation=True, max_length=max_length + 1)
        for i, row in zip(full, again["input_ids"], strict=True):
            cut[i] = cut[i] or len(row) > max_length
    return rows, cut


def length_report(examples: Examples) -> dict[str, float]:
    """Return ``median``, ``p95`` and ``max`` tokens a row, and how many rows were ``truncated``."""
    middle, high = np.percentile(examples.lengths, [50, 95])
    return {
        "median": float(middle),
        "p95": float(high),
        "max": float(examples.lengths.max()),
        "truncated": float(examples.cut.sum()),
    }
