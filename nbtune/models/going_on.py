"""Texts that a model goes on with: several at once, each to its own end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from nbtune.errors import ModelError
from nbtune.models.loading import quiet

AT_ONCE = 16
"""Texts that are written together, those of like length."""


def refuse_silent(model: Any) -> None:
    """Refuse a model that cannot write.

    Raises
    ------
    ModelError
        When it cannot.
    """
    if not hasattr(model, "generate") or not model.can_generate():
        raise ModelError(
            f"a {type(model).__name__} cannot write", hint="take a model with a head that generates"
        )


def go_on(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    pad_id: int,
    ends: Sequence[int],
    drawing: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[int]]:
    """Return the tokens that a model writes after each prompt, with the one that ends it.

    Parameters
    ----------
    ends : sequence of int
        Tokens that end a text.
    drawing : mapping, optional
        How tokens are drawn: ``temperature``, ``top_p``, ``top_k``; the likeliest without.
    progress : callable, optional
        Called with texts done and texts in all.
    """
    found: list[list[int]] = [[] for _ in prompts]
    order = np.argsort([-len(prompt) for prompt in prompts], kind="stable")
    device = next(model.parameters()).device
    asked: dict[str, Any] = {"do_sample": drawing is not None, **(drawing or {})}
    if drawing is None:  # what a model was published with has no say
        asked |= {"temperature": None, "top_p": None, "top_k": None}
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        longest = len(prompts[rows[0]])
        ids = np.full((len(rows), longest), pad_id, dtype=np.int64)
        for line, row in zip(ids, rows, strict=True):
            line[longest - len(prompts[row]) :] = prompts[row]
        lengths = np.array([len(prompts[row]) for row in rows])
        mask = np.arange(longest)[None] >= longest - lengths[:, None]
        with torch.no_grad(), quiet():
            out = model.generate(
                input_ids=torch.from_numpy(ids).to(device),
                attention_mask=torch.from_numpy(mask.astype(np.int64)).to(device),
                max_new_tokens=max_new_tokens,
                pad_token_id=pad_id,
                eos_token_id=list(ends) or None,
                **asked,
            )
        for row, line in zip(rows, out[:, longest:].tolist(), strict=True):
            found[row] = _until_end(line, ends)
        if progress is not None:
            progress(min(start + AT_ONCE, len(order)), len(order))
    return found


def _until_end(written: list[int], ends: Sequence[int]) -> list[int]:
    stop = next((i + 1 for i, token in enumerate(written) if token in ends), len(written))
    return written[:stop]
