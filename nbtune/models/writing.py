"""Texts written by a model that reads others: batches of like length, beams, an end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from nbtune.models.layers import unwrapped

BEAMS_AT_ONCE = 128
"""Texts under way together, beams counted one by one."""
TOKENS_AT_ONCE = 8192
"""Tokens read together, padding included."""


@dataclass(frozen=True)
class Writing:
    """How texts are written, in the words of transformers.

    ``do_sample`` draws each token, by ``temperature``, ``top_k`` and ``top_p``; without it the
    likeliest of ``num_beams`` texts is kept.
    """

    max_new_tokens: int = 64
    num_beams: int = 4
    length_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0

    @property
    def settings(self) -> dict[str, Any]:
        """What ``generate`` is told; no shortest length that a model was once published with."""
        found = {**asdict(self), "min_length": 0, "min_new_tokens": None, "early_stopping": False}
        if not self.do_sample:
            found |= {"temperature": None, "top_k": None, "top_p": None}
        if self.num_beams == 1:
            found["length_penalty"] = None
        return found


def set_writing(model: Any, writing: Writing) -> None:
    """Let a model write so wherever it is loaded; the model is changed in place."""
    own = unwrapped(model).generation_config
    own.max_length = None
    own.update(**writing.settings)


def write(
    model: Any,
    sources: Sequence[Sequence[int]],
    tokenizer: Any,
    writing: Writing,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Return what a model writes when it has read each source.

    Parameters
    ----------
    sources : sequence of sequence of int
        Tokens of each source.
    progress : callable, optional
        Called with rows done and rows in all, after each batch.
    """
    found: list[str] = [""] * len(sources)
    device, done = next(model.parameters()).device, 0
    for rows in _batches([len(ids) for ids in sources], writing.num_beams):
        own = [torch.tensor(sources[row]) for row in rows]
        ids = torch.nn.utils.rnn.pad_sequence(own, True, float(tokenizer.pad_token_id))
        lengths = torch.tensor([len(source) for source in own])
        mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()
        with torch.no_grad():
            out = model.generate(
                input_ids=ids.to(device), attention_mask=mask.to(device), **writing.settings
            )
        for row, text in zip(
            rows, tokenizer.batch_decode(out, skip_special_tokens=True), strict=True
        ):
            found[row] = text.strip()
        done += len(rows)
        if progress is not None:
            progress(done, len(sources))
    return found


def _batches(lengths: Sequence[int], beams: int) -> list[list[int]]:
    """Group rows of like length, the longest first."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    most, found, start = max(1, BEAMS_AT_ONCE // beams), [], 0
    while start < len(order):
        rows = max(1, min(most, TOKENS_AT_ONCE // max(1, lengths[order[start]])))
        found.append([int(row) for row in order[start : start + rows]])
        start += rows
    return found
