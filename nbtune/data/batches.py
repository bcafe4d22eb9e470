"""Which rows meet in which step, and how they become tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
import torch

from nbtune.data.pixels import Pixels
from nbtune.data.ragged import IGNORED, Ragged

Targets = np.ndarray[Any, Any] | Ragged
"""What is true of each example, or of each of its tokens."""
Indices = np.ndarray[Any, np.dtype[np.int64]]


class Encoded(Protocol):
    """What batches are made from: tokenised rows on disk.

    There may be numbers ``beside`` them, of shape (examples, ...), that the loss wants to know,
    and ``pixels``, an image each: its places count among the ``lengths``.
    """

    @property
    def lengths(self) -> np.ndarray[Any, Any]: ...  # noqa: D102
    @property
    def targets(self) -> Targets: ...  # noqa: D102
    @property
    def types(self) -> Ragged | None: ...  # noqa: D102
    def take(self, indices: Any) -> list[np.ndarray[Any, Any]]: ...  # noqa: D102


@dataclass(frozen=True)
class Batch:
    """Rows padded to the longest of them, on the CPU.

    ``inputs`` holds ``input_ids``, ``attention_mask`` and, for pairs, ``token_type_ids`` of shape
    (rows, longest), and of images ``pixel_values`` of shape (rows, channels, height, width);
    ``lengths`` are the tokens of each row, and what its image counts as. ``targets`` have the shape
    (rows, ...), or (rows, longest, ...) with -100 where there are none. ``states`` are what frozen
    layers say about each row, where that is known; ``beside`` are numbers that the loss wants.
    """

    inputs: dict[str, torch.Tensor]
    lengths: list[int]
    targets: torch.Tensor
    states: list[np.ndarray[Any, Any]] | None = None
    beside: torch.Tensor | None = None


def target_places(targets: torch.Tensor, count: int) -> torch.Tensor:
    """Return where targets stand in a batch laid out in one line, in order.

    To look for them, as a mask does, a GPU would have to be waited for.

    Parameters
    ----------
    targets : Tensor
        Of shape (rows, longest), with -100 where there are none.
    count : int
        How many there are.
    """
    is_none = targets.flatten() == IGNORED
    return is_none.argsort(stable=True)[:count]


GROUPED_STEPS = 50
"""So many steps' rows are sorted by length together, as in `Trainer`."""
Order = Callable[[int, int, int], Indices]
"""(seed, epoch, rows) to the rows of that epoch; it depends on nothing else."""


def epoch_order(seed: int, epoch: int, rows: int) -> Indices:
    """Return all rows in an order of their own for every epoch."""
    return np.random.default_rng([seed, epoch]).permutation(rows)


def row_order(strategy: str, examples: Encoded, rows_per_step: int) -> Order:
    """Return how the rows of an epoch are chosen, for a ``train_sampling_strategy``.

    With ``weighted`` as many rows are drawn as there are, with replacement, and every label as
    often as any other: rows of a rare one come several times, some of a frequent one not at all.
    With ``group_by_length`` rows of like length meet in a step: 50 steps' worth of shuffled rows
    are sorted, cut into steps, and those shuffled.
    """
    if strategy == "sequential":
        return lambda seed, epoch, rows: np.arange(rows)
    if strategy == "random":
        return epoch_order
    if strategy == "group_by_length":
        return partial(_by_length, np.asarray(examples.lengths), rows_per_step)
    _, label, counts = np.unique(
        np.asarray(examples.targets), return_inverse=True, return_counts=True
    )
    chances = 1 / (len(counts) * counts[label])
    return lambda seed, epoch, rows: np.random.default_rng([seed, epoch]).choice(
        rows, size=rows, p=chances
    )


def _by_length(
    lengths: np.ndarray[Any, Any], rows_per_step: int, seed: int, epoch: int, rows: int
) -> Indices:
    shuffled, span = epoch_order(seed, epoch, rows), GROUPED_STEPS * rows_per_step
    spans = (shuffled[start : start + span] for start in range(0, rows, span))
    grouped = np.concatenate([part[np.argsort(-lengths[part], kind="stable")] for part in spans])
    whole = rows // rows_per_step * rows_per_step
    steps = grouped[:whole].reshape(-1, rows_per_step)
    mixed = np.random.default_rng([seed, epoch, 1]).permutation(steps)
    return np.concatenate([mixed.ravel(), grouped[whole:]])


def step_rows(
    seed: int, rows: int, rows_per_step: int, first_step: int, order: Order = epoch_order
) -> Iterator[Indices]:
    """Yield the rows of each optimiser step from ``first_step`` on, without end.

    The last step of an epoch takes what is left, so that an epoch is as long as there are rows.
    """
    steps_per_epoch = -(-rows // rows_per_step)
    epoch, skip = divmod(first_step, steps_per_epoch)
    while True:
        chosen = order(seed, epoch, rows)
        for start in range(skip * rows_per_step, rows, rows_per_step):
            yield chosen[start : start + rows_per_step]
        epoch, skip = epoch + 1, 0


def widths(examples: Encoded) -> np.ndarray[Any, Any]:
    """Return the tokens of each row, or of its targets where these are more."""
    lengths, targets = np.asarray(examples.lengths), examples.targets
    if not isinstance(targets, Ragged) or len(targets) != len(lengths):
        return lengths
    return np.asarray(np.maximum(lengths, np.diff(targets.offsets)))


def by_tokens(lengths: np.ndarray[Any, Any], budget: int) -> list[Indices]:
    """Group rows of similar length into batches of at most ``budget`` padded tokens.

    The longest come first, so that memory runs out at once or not at all.
    """
    order = np.argsort(-lengths, kind="stable")
    batches, start = [], 0
    while start < len(order):
        rows = max(1, budget // int(lengths[order[start]]))
        batches.append(order[start : start + rows])
        start += rows
    return batches


def make_batch(examples: Encoded, rows: Indices, pad_id: int) -> Batch:
    """Read rows and pad them on the right to the longest; images come as they are."""
    ids = examples.take(rows)
    lengths, inputs = [len(row) for row in ids], {}
    if any(lengths):
        is_own = np.arange(max(lengths)) < np.array(lengths)[:, None]
        padded = np.full(is_own.shape, pad_id, dtype=np.int64)
        padded[is_own] = np.concatenate(ids)
        inputs = {
            "input_ids": torch.from_numpy(padded),
            "attention_mask": torch.from_numpy(is_own.astype(np.int64)),
        }
    if examples.types is not None:
        types = examples.types.padded(rows, fill=0).astype(np.int64)
        inputs["token_type_ids"] = torch.from_numpy(types)
    pixels: Pixels | None = getattr(examples, "pixels", None)
    if pixels is not None:
        inputs["pixel_values"] = pixels.batch(rows)
        lengths = [own + pixels.places for own in lengths]
    beside = getattr(examples, "beside", None)
    return Batch(
        inputs,
        lengths,
        as_tensor(examples.targets[rows]),
        examples.states(rows) if isinstance(examples, WithStates) else None,
        None if beside is None else as_tensor(beside[rows]),
    )


def as_tensor(targets: Any) -> torch.Tensor:
    """Return targets as losses take them: whole numbers as int64, others as float32."""
    found = np.asarray(targets)
    kind = np.float32 if found.dtype.kind == "f" else np.int64
    return torch.from_numpy(np.array(found, dtype=kind))  # a copy: maps cannot be written


@dataclass(frozen=True)
class WithStates:
    """Rows together with what frozen layers say about them.

    Attributes
    ----------
    flat : ndarray
        States of all rows in one line, of shape (tokens, width).
    shorten : callable
        The ids of a row to those that have a state: all, or one where the head looks at no more.
    """

    examples: Encoded
    flat: np.ndarray[Any, Any]
    lengths: np.ndarray[Any, Any]
    shorten: Callable[[Any], Any]

    @cached_property
    def offsets(self) -> np.ndarray[Any, Any]:
        """Where the states of each row begin, and the last of them end."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @property
    def targets(self) -> Targets:
        """What is true of the rows."""
        return self.examples.targets

    @property
    def types(self) -> Ragged | None:
        """Token types of the rows; None where a row is down to the token that the head reads."""
        is_whole = len(self.flat) == int(self.examples.lengths.sum())
        return self.examples.types if is_whole else None

    def take(self, indices: Any) -> list[np.ndarray[Any, Any]]:
        """Return the ids of these rows that have a state."""
        return [self.shorten(row) for row in self.examples.take(indices)]

    def states(self, indices: Any) -> list[np.ndarray[Any, Any]]:
        """Return the states of these rows, each of shape (tokens, width)."""
        return [self.flat[self.offsets[row] : self.offsets[row + 1]] for row in indices]


@dataclass(frozen=True)
class InMemory:
    """Tokenised rows as a tokenizer gives them, not written to a file.

    Attributes
    ----------
    targets : ndarray or Ragged
        Of shape (examples, ...), or one a token, or lists of tokens with lengths of their own.
    types : Ragged, optional
        Which of two texts a token is part of, for models that want to know.
    spans : Ragged, optional
        Where in its text each token stands, of shape (tokens, 2); (0, 0) for those of no text.
    rows : ndarray, optional
        The row that each example is part of, where one row can be several examples.
    cut : ndarray of bool, optional
        Examples that were longer than could be taken.
    targets_cut : ndarray of int, optional
        How many tokens that should be learnt were cut off each.
    beside : ndarray, optional
        Numbers of shape (examples, ...) that the loss wants to know.
    pixels : Pixels, optional
        An image an example; ``ids`` are then those of the text beside it, none where there is none.
    """

    ids: list[list[int]]
    targets: Targets
    types: Ragged | None = None
    spans: Ragged | None = None
    rows: np.ndarray[Any, Any] | None = None
    cut: np.ndarray[Any, Any] | None = None
    targets_cut: np.ndarray[Any, Any] | None = None
    beside: np.ndarray[Any, Any] | None = None
    pixels: Pixels | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def tokens(self) -> np.ndarray[Any, Any]:
        """Tokens of each row."""
        return np.array([len(row) for row in self.ids], dtype=np.int64)

    @property
    def lengths(self) -> np.ndarray[Any, Any]:
        """Tokens of each row, and what its image counts as."""
        return self.tokens + (0 if self.pixels is None else self.pixels.places)

    def take(self, indices: Any) -> list[np.ndarray[Any, Any]]:
        """Return the ids of these rows."""
        return [np.asarray(self.ids[int(row)]) for row in indices]


def some(examples: Any, rows: Indices) -> Any:
    """Return the examples of these numbers, in this order, in memory; groups stay groups."""
    if hasattr(examples, "part"):
        return examples.part(rows)
    targets, types = examples.targets, examples.types
    return InMemory(
        [own.tolist() for own in examples.take(rows)],
        _rows_of(targets, rows) if isinstance(targets, Ragged) else np.asarray(targets[rows]),
        types=None if types is None else _rows_of(types, rows),
        beside=None if (own := getattr(examples, "beside", None)) is None else own[rows],
        pixels=None if (seen := getattr(examples, "pixels", None)) is None else seen.part(rows),
    )


def _rows_of(ragged: Ragged, rows: Indices) -> Ragged:
    return Ragged.of([ragged.row(int(row)) for row in rows])
