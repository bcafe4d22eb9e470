"""Heads that are asked at some places only: one as wide as a vocabulary costs more than the rest.

With MiniLM the logits of every token take as long as all six layers, and a gigabyte for 4,096
tokens in training; words are hidden at 15 % of the places.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from nbtune.models.decoders import states_of


@contextmanager
def only_at(model: Any, width: int, places: Tensor) -> Iterator[None]:
    """Let the head see the states at some places only, as one row, inside this block.

    Parameters
    ----------
    width : int
        Longest row of targets in the batch; tokens that a method puts before do not count.
    places : Tensor
        Of shape (places,), in the batch of shape (rows, width) laid out in one line.
    """

    def choose(module: Any, inputs: Any, output: Any) -> Any:
        states = output.last_hidden_state[:, -width:]
        output.last_hidden_state = states.flatten(0, 1).index_select(0, places)[None]
        return output

    hook = states_of(model).register_forward_hook(choose)
    try:
        yield
    finally:
        hook.remove()
