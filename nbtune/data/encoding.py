"""Rows tokenised once, into flat ids on disk that are read as if they were in memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from nbtune.data.batches import InMemory, Targets
from nbtune.data.growing import Growing, GrowingOffsets
from nbtune.data.pixels import PixelWriter, open_pixels
from nbtune.data.ragged import Ragged
from nbtune.errors import DataError, ModelError

AT_ONCE = 1_000
BESIDE = "beside.npy"
OFFSETS = ("offsets", "target_offsets")
"""What is written of the lengths of rows: where each of them ends."""
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
    targets : ndarray or Ragged
        Of shape (rows, ...), or one a token, or lists of tokens with lengths of their own.
    cut : ndarray of bool
        Rows that were longer than ``max_length``.
    beside : ndarray or None
        Numbers of shape (rows, ...) that were written beside them later.
    pixels : Pixels or None
        An image a row.
    types, spans, rows, targets_cut
        As in `nbtune.data.batches.InMemory`; None where there are none.
    """

    def __init__(self, folder: Path) -> None:
        self.ids = _open(folder / "ids.npy")
        self.offsets = _open(folder / "offsets.npy")
        self.targets = _open_targets(folder, self.offsets)
        self.cut = _open(folder / "cut.npy")
        self.beside = _open_if_there(folder / BESIDE)
        self.types = _open_ragged(folder / "types.npy", self.offsets)
        self.spans = _open_ragged(folder / "spans.npy", self.offsets)
        self.rows = _open_if_there(folder / "rows.npy")
        self.targets_cut = _open_if_there(folder / "targets_cut.npy")
        self.pixels = open_pixels(folder)
        self.tokens = np.diff(self.offsets)
        self.lengths = self.tokens + (0 if self.pixels is None else self.pixels.places)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> Array:
        row = range(len(self))[row]
        return np.asarray(self.ids[self.offsets[row] : self.offsets[row + 1]])

    def take(self, indices: Any) -> list[Array]:
        """Return the ids of these rows."""
        return [self[int(row)] for row in indices]


def _open(file: Path) -> Array:
    mapped = np.load(file, mmap_mode="r", allow_pickle=False)
    return np.asarray(mapped)  # the same map; a slice of a `memmap` takes four times as long


def _open_if_there(file: Path) -> Array | None:
    return _open(file) if file.is_file() else None


def _open_ragged(file: Path, offsets: Array) -> Ragged | None:
    return Ragged(_open(file), offsets) if file.is_file() else None


def _open_targets(folder: Path, offsets: Array) -> Targets:
    if (own := _open_if_there(folder / "target_offsets.npy")) is not None:
        offsets = own
    by_token = _open_ragged(folder / "token_targets.npy", offsets)
    return _open(folder / "targets.npy") if by_token is None else by_token


def write_examples(
    rows: Any,
    encode: Callable[[Any], InMemory],
    vocabulary: int,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
    *,
    at_once: int = AT_ONCE,
) -> Examples:
    """Tokenise rows, some at a time, and write them to a folder that appears whole.

    Parameters
    ----------
    rows : DataFrame or sequence
        Rows that can be sliced.
    encode : callable
        Tokenises some of them.
    vocabulary : int
        How many tokens there are.
    progress : callable, optional
        Called with rows done and rows in all.
    at_once : int
        Rows that are in memory together.

    Raises
    ------
    DataError
        When a row has no token left.
    """
    stage = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        _write(rows, encode, vocabulary, stage, progress, at_once)
        stage.rename(folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return Examples(folder)


def _write(
    rows: Any,
    encode: Callable[[Any], InMemory],
    vocabulary: int,
    folder: Path,
    progress: Callable[[int, int], None] | None,
    at_once: int,
) -> None:
    kind = np.dtype(np.uint16 if vocabulary <= np.iinfo(np.uint16).max else np.int32)
    files: dict[str, Growing] = {}
    images = PixelWriter(folder, len(rows))
    with ExitStack() as opened:
        for start in range(0, len(rows), at_once):
            part = encode(rows[start : start + at_once])
            if part.pixels is not None:
                images.add(part.pixels)
            ids = np.concatenate(part.take(range(len(part)))).astype(kind)
            for name, values in {"ids": ids, **_columns(part, start)}.items():
                if name not in files:
                    file = folder / f"{name}.npy"
                    is_offsets = name in OFFSETS
                    made = GrowingOffsets(file) if is_offsets else Growing(file, values)
                    files[name] = opened.enter_context(made)
                files[name].add(values)
            if progress is not None:
                progress(min(start + at_once, len(rows)), len(rows))


def _columns(part: InMemory, start: int) -> dict[str, Array]:
    """Return all but the ids of some examples, as arrays by the name of their file.

    Those of `OFFSETS` are lengths.

    Parameters
    ----------
    start : int
        Which of all rows the first of these is.
    """
    cut = np.zeros(len(part), dtype=bool) if part.cut is None else part.cut
    columns = {"offsets": part.tokens, "cut": cut}
    if isinstance(part.targets, Ragged):
        columns["token_targets"] = part.targets.flat
        columns["target_offsets"] = np.diff(part.targets.offsets)
    else:
        columns["targets"] = np.asarray(part.targets)
    if part.types is not None:
        columns["types"] = part.types.flat
    if part.spans is not None:
        columns["spans"] = part.spans.flat
    if part.targets_cut is not None:
        columns["targets_cut"] = part.targets_cut
    if part.rows is not None:
        columns["rows"] = part.rows + start
    return columns


def open_examples(folder: Path) -> Examples:
    """Open what `write_examples` wrote."""
    return Examples(folder)


def write_beside(folder: Path, numbers: Array) -> Examples:
    """Write numbers of shape (rows, ...) beside rows that are there; the file appears whole."""
    stage = folder / f".{BESIDE}"
    with stage.open("wb") as stream:
        np.save(stream, numbers, allow_pickle=False)
    stage.rename(folder / BESIDE)
    return Examples(folder)


def encode_texts(
    texts: Sequence[str],
    targets: Array,
    tokenizer: Any,
    max_length: int,
    pairs: Sequence[str] | None = None,
    *,
    with_spans: bool = False,
) -> InMemory:
    """Tokenise texts, or texts and their pairs, and see which were longer than ``max_length``.

    Of a pair the longer text is cut first. With ``with_spans`` it is known where in the text each
    token stands.

    Raises
    ------
    DataError
        When a text has no token.
    ModelError
        When the tokenizer cannot tell where tokens stand.
    """
    if not len(texts):
        return InMemory([], targets, spans=Ragged.of([]) if with_spans else None)
    if with_spans and not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} cannot tell where in a text a token stands",
            hint="take a model with a tokenizer.json",
        )
    longest = CHARACTERS_PER_TOKEN * max_length
    given = [_shortened(each, longest) for each in (texts, pairs) if each is not None]
    tokens = tokenizer(
        *given,
        truncation=True,
        max_length=max_length,
        **({"return_offsets_mapping": True} if with_spans else {}),
    )
    ids = tokens["input_ids"]
    if (empty := next((i for i, row in enumerate(ids) if not row), None)) is not None:
        raise DataError(
            f"the tokenizer finds no token in the text {texts[empty][:40]!r}",
            hint="leave such rows out, or use a tokenizer that knows their characters",
        )
    types = None
    if pairs is not None and "token_type_ids" in tokens:
        types = Ragged.of(tokens["token_type_ids"], np.uint8)
    cut = np.array([len(text) > longest for text in texts], dtype=bool)
    # A row that was cut overflows by one token more, and only such rows are asked again.
    if full := [i for i, row in enumerate(ids) if len(row) >= max_length]:
        again = tokenizer(
            *([each[i] for i in full] for each in given), truncation=True, max_length=max_length + 1
        )
        cut[full] |= [len(row) > max_length for row in again["input_ids"]]
    spans = Ragged.of(tokens["offset_mapping"], np.int32) if with_spans else None
    return InMemory(ids, targets, types=types, spans=spans, cut=cut)


def _shortened(texts: Sequence[str], longest: int) -> list[str]:
    return [text[:longest] for text in texts]


def length_report(examples: Examples) -> dict[str, float]:
    """Return ``median``, ``p95`` and ``max`` tokens a row, and how many rows were ``truncated``.

    Where tokens of targets are cut with them there is ``targets_cut``, how many these are. Of
    images there are ``height`` and ``width`` in pixels, and the tokens only where these are more
    than none.
    """
    image = {}
    if examples.pixels is not None:
        tall, wide = examples.pixels.values.shape[2:]
        image = {"height": float(tall), "width": float(wide)}
        if not examples.tokens.any():
            return image
    middle, high = np.percentile(examples.tokens, [50, 95])
    lost = 0.0 if examples.targets_cut is None else float(examples.targets_cut.sum())
    return {
        "median": float(middle),
        "p95": float(high),
        "max": float(examples.tokens.max()),
        "truncated": float(examples.cut.sum()),
        **({"targets_cut": lost} if lost else {}),
        **image,
    }
