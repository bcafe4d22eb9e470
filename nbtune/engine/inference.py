"""What the model says about rows: logits in the order the rows were given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from nbtune.data.batches import Batch, Encoded, Indices, by_tokens, make_batch
from nbtune.engine.device import ran_out_of_memory
from nbtune.engine.stepping import Forward, evaluating

Found = TypeVar("Found")
TOKENS_AT_ONCE = 4096


def predict_logits(
    forward: Forward,
    examples: Encoded,
    pad_id: int,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray[Any, Any]:
    """Return the logits of all examples as float32 of shape (rows, labels), in their order.

    Parameters
    ----------
    progress : callable, optional
        Called with rows done and rows in all, after each batch.
    """
    logits: np.ndarray[Any, Any] | None = None
    for rows, found in in_batches(
        forward, examples, pad_id, lambda batch: forward(batch).float().cpu().numpy(), progress
    ):
        if logits is None:
            logits = np.empty((len(examples.targets), found.shape[1]), dtype=np.float32)
        logits[rows] = found
    return np.empty((0, 0), dtype=np.float32) if logits is None else logits


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
    waiting = deque(by_tokens(np.asarray(examples.lengths), TOKENS_AT_ONCE))
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


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return probabilities of shape (rows, labels) in float64, rows summing to 1."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return shifted / shifted.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]
