"""Rows of the table of words for marks that the tokenizer was taught after the model was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def teach_marks(model: Any, tokenizer: Any, marks: Sequence[str]) -> None:
    """Give marks rows in the model's table of words; the model is changed in place.

    A mark begins as the mean of what it is spelled with, ``[``, ``e``, ``1`` and ``]``: the same
    each time, so that an adapter finds the table that it was trained on. What a model has been
    taught stands in its configuration, and is left as it was learnt.
    """
    if not marks or set(marks) <= set(getattr(model.config, "marks", None) or ()):
        return
    table = model.get_input_embeddings()
    before = table.num_embeddings
    if len(tokenizer) > before:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        table = model.get_input_embeddings()
    with torch.no_grad():
        for mark in marks:
            spelled = tokenizer(" ".join(mark), add_special_tokens=False)["input_ids"]
            place = tokenizer.convert_tokens_to_ids(mark)
            table.weight[place] = table.weight[spelled].mean(0)
    model.config.marks = {mark: int(tokenizer.convert_tokens_to_ids(mark)) for mark in marks}


def marks_of(model: Any) -> list[int]:
    """Return the ids of the marks that a model has been taught."""
    return sorted((getattr(model.config, "marks", None) or {}).values())
