"""What the model says about rows: logits in the order the rows were given."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch

from nbtune.data.batches import (
    Batch,
    Encoded,
    Indices,
    as_tensor,
    by_tokens,
    make_batch,
    widths,
)
from nbtune.data.ragged import IGNORED, Ragged
from nbtune.engine.device import ran_out_of_memory
from nbtune.engine.stepping import Forward, evaluating
from nbtune.models.heads import NOWHERE
from nbtune.tasks import Keep, Loss

Found = TypeVar("Found")
TOKENS_AT_ONCE = 4096
ROWS_AT_ONCE = 64


def predict_logits(
    forward: Forward,
    examples: Encoded,
    pad_id: int,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray[Any, Any] | Ragged:
    """Return the logits of all examples as float32, in their order.

    They have the shape (rows, labels), or, from a head that speaks of every token, are a `Ragged`
    whose rows have the shape (tokens, labels). Of a head with more to say the `Ragged` has what
    ``forward.keep`` keeps of the targets of each row.

    Parameters
    ----------
    progress : callable, optional
        Called with rows done and rows in all, after each batch.
    """
    if forward.keep is not None:
        return _kept(forward, forward.keep, examples, pad_id, progress)
    logits: np.ndarray[Any, Any] | Ragged = np.empty((0, 0), dtype=np.float32)
    is_first = True
    for rows, found in in_batches(
        forward, examples, pad_id, lambda batch: forward(batch).float().cpu().numpy(), progress
    ):
        if is_first:
            logits, is_first = _room_for(found, examples), False
        if isinstance(logits, Ragged):
            for row, own in zip(rows, found, strict=True):
                start, stop = logits.offsets[row : row + 2]
                logits.flat[start:stop] = own[: stop - start]
        else:
            logits[rows] = found
    return logits


def _kept(
    forward: Forward,
    keep: Keep,
    examples: Encoded,
    pad_id: int,
    progress: Callable[[int, int], None] | None,
) -> Ragged:
    def run(batch: Batch) -> list[np.ndarray[Any, Any]]:
        has_target = batch.targets != IGNORED
        wanted = batch.targets[has_target].to(forward.device)
        kept = keep(forward(batch).float(), wanted).cpu().numpy()
        return np.split(kept, has_target.sum(1).cumsum(0)[:-1].tolist())

    by_row: dict[int, np.ndarray[Any, Any]] = {}
    for rows, found in in_batches(forward, examples, pad_id, run, progress):
        by_row.update(zip(rows.tolist(), found, strict=True))
    return Ragged.of([by_row[row] for row in range(len(by_row))], np.float32)


def _room_for(found: np.ndarray[Any, Any], examples: Encoded) -> np.ndarray[Any, Any] | Ragged:
    if found.ndim == 2:
        return np.empty((len(examples.targets), found.shape[1]), dtype=np.float32)
    offsets = np.concatenate([[0], np.cumsum(np.asarray(examples.lengths))])
    return Ragged(np.empty((int(offsets[-1]), found.shape[2]), dtype=np.float32), offsets)


def mean_loss(
    loss: Loss,
    logits: np.ndarray[Any, Any] | Ragged,
    examples: Encoded,
    *,
    is_kept: bool = False,
) -> float:
    """Return the mean loss of what `predict_logits` gave for these examples.

    Parameters
    ----------
    is_kept : bool
        Whether there are no logits, but what was kept of each target, the loss first.
    """
    if is_kept and isinstance(logits, Ragged):
        if loss.kept is not None:
            return loss.kept(logits, examples)
        return float(logits.flat[:, 0].mean(dtype=np.float64)) if len(logits.flat) else math.nan
    targets = examples.targets
    if not isinstance(logits, Ragged):
        wanted = np.asarray(targets)
        total = float(loss.sum(torch.from_numpy(logits), as_tensor(wanted)))
        return total / loss.count(wanted)
    total = count = 0.0
    for start in range(0, len(logits), ROWS_AT_ONCE):
        rows = range(start, min(start + ROWS_AT_ONCE, len(logits)))
        wanted = targets[rows]
        spoken = torch.from_numpy(logits.padded(rows, fill=NOWHERE))
        total += float(loss.sum(spoken, as_tensor(wanted)))
        count += loss.count(wanted)
    return total / count if count else float("nan")


def in_batches(
    forward: Forward,
    examples: Encoded,
    pad_id: int,
    run: Callable[[Batch], Found],
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Indices, Found]]:
    """Run something over all examples, without dropout and gradients, the longest first.

    Where memory runs out the batch is halved.

    Yields
    ------
    tuple
        The rows of a batch, and what ``run`` returned for them.
    """
    done, total = 0, len(examples.targets)
    waiting = deque(by_tokens(widths(examples), TOKENS_AT_ONCE))
    while waiting:
        rows = waiting.popleft()
        try:
            with evaluating(forward.model):
                found = run(make_batch(examples, rows, pad_id))
        except RuntimeError as error:
            if len(rows) == 1 or not ran_out_of_memory(error):
                raise
            waiting.extendleft(reversed(np.array_split(rows, 2)))
            continue
        yield rows, found
        done += len(rows)
        if progress is not None:
            progress(done, total)
