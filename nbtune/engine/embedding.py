"""Texts as vectors: a sentence encoder goes over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbtune.data.batches import Batch
from nbtune.data.encoding import encode_texts
from nbtune.engine.device import autocast, find_device
from nbtune.engine.inference import in_batches
from nbtune.engine.precision import choose_precision
from nbtune.engine.stepping import Forward
from nbtune.models.modes import own_modes
from nbtune.models.pooling import pool
from nbtune.models.sentences import SentenceEncoder


def embed(
    encoder: SentenceEncoder,
    texts: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray[Any, Any]:
    """Return the vectors of texts as float32, of shape (texts, width), each of length 1.

    Parameters
    ----------
    progress : callable, optional
        Called with texts done and texts in all, after each batch.
    """
    device = find_device()
    model = encoder.model.to(device)
    width = model.config.hidden_size
    precision = choose_precision("auto", device, width)
    forward = Forward(model, device, precision, None)
    targets = np.zeros(len(texts), dtype=np.int64)
    examples = encode_texts(texts, targets, encoder.tokenizer, encoder.max_length)
    found = np.empty((len(texts), width), dtype=np.float32)

    def run(batch: Batch) -> np.ndarray[Any, Any]:
        inputs = {name: tensor.to(device) for name, tensor in batch.inputs.items()}
        with autocast(device, precision):
            states = model(**inputs).last_hidden_state
        return pool(states, inputs["attention_mask"], encoder.pooling).cpu().numpy()

    with own_modes(device):
        pad_id = encoder.tokenizer.pad_token_id
        for rows, vectors in in_batches(forward, examples, pad_id, run, progress):
            found[rows] = vectors
    return found
