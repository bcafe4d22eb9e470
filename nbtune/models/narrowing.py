"""The last layer works for the first token of each row, where the head reads no other.

Keys and values are needed of all tokens; all else that the layer does, ten twelfths of its
products, is in vain for the others. With six layers that is a seventh of a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from nbtune.models.layers import layers_of

if TYPE_CHECKING:
    from nbtune.models.packing import Layout

KEYS = frozenset({"key", "k_lin", "k_proj"})
VALUES = frozenset({"value", "v_lin", "v_proj"})


class Narrow:
    """The last layer of a model, and how it is given fewer tokens than it attends to.

    The layer is called with the first tokens; its projections to keys and values work on all.
    What they say goes past the layer, which would not know its shape, to packed attention.

    Parameters
    ----------
    layout : callable
        Returns the layout of the rows under way.

    Attributes
    ----------
    keys, values : Tensor or None
        Of shape (1, tokens, width) while the layer runs.
    """

    def __init__(self, inner: Any, layout: Callable[[], Layout]) -> None:
        found = layers_of(inner)
        self.layer = None if found is None else getattr(*found)[-1]
        self.layout = layout
        self.hidden: Tensor | None = None
        self.keys: Tensor | None = None
        self.values: Tensor | None = None
        self.hooks: list[Any] = []
        self.parts = set() if self.layer is None else set(self.layer.modules())

    def states_for(self, module: Any) -> tuple[Tensor, Tensor] | None:
        """Return keys and values of all tokens, where ``module`` attends to more than it has."""
        if module not in self.parts or self.keys is None or self.values is None:
            return None
        return self.keys, self.values

    def choose(self, states: Tensor) -> Tensor:
        """Return the states of the first tokens, of those of all tokens: (1, tokens, width)."""
        return states.index_select(1, self.layout().starts)

    def install(self) -> None:
        """Change the layer in place."""
        if self.layer is None:
            return
        for name, module in self.layer.named_modules():
            end = name.rpartition(".")[2]
            if end in KEYS | VALUES:
                module.forward = _Projection(module, self, "keys" if end in KEYS else "values")
        self.hooks = [
            self.layer.register_forward_pre_hook(self._enter, with_kwargs=True),
            self.layer.register_forward_hook(self._leave, always_call=True),
        ]

    def remove(self) -> None:
        """Change the layer back to what it was."""
        for hook in self.hooks:
            hook.remove()
        self.hooks = []
        for module in () if self.layer is None else self.layer.modules():
            if isinstance(own := module.__dict__.get("forward"), _Projection):
                own.restore()
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

    def __init__(self, module: Any, narrow: Narrow, kind: Literal["keys", "values"]) -> None:
        self.module, self.before = module, module.__dict__.get("forward")
        self.plain, self.narrow, self.kind = module.forward, narrow, kind

    def restore(self) -> None:
        """Give the module back the forward pass that it had."""
        if self.before is None:
            del self.module.forward
        else:
            self.module.forward = self.before

    def __call__(self, chosen: Tensor) -> Tensor:
        if self.narrow.hidden is None:
            return self.plain(chosen)  # type: ignore[no-any-return]
        every: Tensor = self.plain(self.narrow.hidden)
        setattr(self.narrow, self.kind, every)
        return self.narrow.choose(every)  # of the shape that the layer expects
