"""The last layer works for the first token of each row, where the head reads no other.

Keys and values are needed of all tokens; all else that the layer does, ten twelfths of its
products, is in vain for the others. With six layers that is a seventh of a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor

from nbtune.models.forwards import other_forwards
from nbtune.models.layers import layers_of

Kind = Literal["keys", "values"]
KEYS = frozenset({"key", "k_lin", "k_proj"})
VALUES = frozenset({"value", "v_lin", "v_proj"})


class Narrow:
    """The last layer of a model, and how it is given fewer tokens than it attends to.

    The layer is called with the first tokens; its projections to keys and values work on all.
    What they say goes past the layer, which would not know its shape, to packed attention.

    Attributes
    ----------
    starts : Tensor
        Where the rows under way begin in the long row, of shape (rows,).
    keys, values : Tensor or None
        Of shape (1, tokens, width) while the layer runs.
    """

    def __init__(self, inner: Any) -> None:
        found = layers_of(inner)
        self.layer = None if found is None else getattr(*found)[-1]
        self.starts = torch.empty(0, dtype=torch.long)
        self.hidden: Tensor | None = None
        self.keys: Tensor | None = None
        self.values: Tensor | None = None
        self.parts = set() if self.layer is None else set(self.layer.modules())

    def states_for(self, module: Any) -> tuple[Tensor, Tensor] | None:
        """Return keys and values of all tokens, where ``module`` attends to more than it has."""
        if module not in self.parts or self.keys is None or self.values is None:
            return None
        return self.keys, self.values

    def choose(self, states: Tensor) -> Tensor:
        """Return the states of the first tokens, of those of all tokens: (1, tokens, width)."""
        return states.index_select(1, self.starts)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let the layer work this way inside this block."""
        if self.layer is None:
            yield
            return
        kinds: dict[Any, Kind] = {
            module: "keys" if name in KEYS else "values"
            for path, module in self.layer.named_modules()
            if (name := path.rpartition(".")[2]) in KEYS | VALUES
        }
        hooks = [
            self.layer.register_forward_pre_hook(self._enter, with_kwargs=True),
            self.layer.register_forward_hook(self._leave, always_call=True),
        ]
        try:
            with other_forwards(kinds, lambda module: _Projection(module, self, kinds[module])):
                yield
        finally:
            for hook in hooks:
                hook.remove()
            self._leave()

    def _enter(
        self, layer: Any, args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        self.hidden = args[0] if args else named["hidden_states"]
        chosen = self.choose(self.hidden)
        return ((chosen, *args[1:]), named) if args else (args, {**named, "hidden_states": chosen})

    def _leave(self, layer: Any = None, *_: Any) -> None:
        self.keys = self.values = None
        # With gradient checkpointing the backward pass runs the layer again, without its hooks.
        if not getattr(layer, "gradient_checkpointing", False):
            self.hidden = None


class _Projection:
    """The forward pass of a projection that keeps what it says about all tokens."""

    def __init__(self, module: Any, narrow: Narrow, kind: Kind) -> None:
        self.plain, self.narrow, self.kind = module.forward, narrow, kind

    def __call__(self, chosen: Tensor) -> Tensor:
        if self.narrow.hidden is None:
            return self.plain(chosen)  # type: ignore[no-any-return]
        every: Tensor = self.plain(self.narrow.hidden)
        setattr(self.narrow, self.kind, every)
        return self.narrow.choose(every)  # of the shape that the layer expects
