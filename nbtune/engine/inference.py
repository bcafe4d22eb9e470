"""What the model says about rows: logits in the order the rows were given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtune.data.batches import Encoded, by_tokens, make_batch
from nbtune.engine.device import ran_out_of_memory
from nbtune.engine.stepping import Forward, evaluating

TOKENS_AT_ONCE = 4096


def predict_logits(
    forward: Forward,
    examples: Encoded,
    pad_id: int,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray[Any, Any]:
    """Return the logits of all examples as float32 of shape (rows, labels), in their order.

    Where memory runs out the batch is halved.

    Parameters
    ----------
    progress : callable, optional
        Called with rows done and rows in all, after each batch.
    """
    total = len(examples.targets)
    logits: np.ndarray[Any, Any] | None = None
    done = 0
    waiting = deque(by_tokens(np.asarray(examples.lengths), TOKENS_AT_ONCE))
    with evaluating(forward.model):
        while waiting:
            rows = waiting.popleft()
            try:
                found = forward(make_batch(examples, rows, pad_id)).float().cpu().numpy()
            except RuntimeError as error:
                if len(rows) == 1 or not ran_out_of_memory(error):
                    raise
                waiting.extendleft(reversed(np.array_split(rows, 2)))
                continue
            if logits is None:
                logits = np.empty((total, found.shape[1]), dtype=np.float32)
            logits[rows] = found
            done += len(rows)
            if progress is not None:
                progress(done, total)
    return np.empty((0, 0), dtype=np.float32) if logits is None else logits


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return probabilities of shape (rows, labels) in float64, rows summing to 1."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return shifted / shifted.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]
