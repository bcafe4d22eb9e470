"""Frozen layers run once: what they say about a row is kept, and training starts above it.

Below the lowest layer that is trained the same row always gives the same states, dropout aside.
So they are computed once, in evaluation mode, and each step begins at the first trained layer;
where only the head is trained it begins at the head, with the one token that the head looks at, or
with the mean of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from torch.nn import ModuleList

from nbtune.models.layers import layers_of

Looked = Literal["all", "first", "last", "mean"]


@dataclass
class Frozen:
    """The layers of a model of which the lowest ``first`` never change.

    Attributes
    ----------
    holder, name : Module, str
        Where the list of layers stands.
    looked : str
        The tokens of a row that anything above looks at: all of them, its first or last, or no
        more than their mean.
    """

    holder: Any
    name: str
    first: int
    looked: Looked = "all"

    def __post_init__(self) -> None:
        self.layers: ModuleList = getattr(self.holder, self.name)
        self.upper = ModuleList(self.layers[self.first :])
        self.output: Callable[..., Any] | None = None

    def shorten(self, row: Any) -> Any:
        """Return the ids of a row that have states: all, or the one that is looked at.

        A mean stands at the first token, as if the row had no other.
        """
        return row if self.looked == "all" else row[-1:] if self.looked == "last" else row[:1]

    def keep(self, states: Tensor) -> Tensor:
        """Return what is kept of the states of a row, of shape (tokens, width)."""
        return states.mean(0, keepdim=True) if self.looked == "mean" else self.shorten(states)

    @property
    def is_all(self) -> bool:
        """Whether no layer changes, so that the head stands on the frozen states."""
        return self.first == len(self.layers)

    def run(self, inner: Callable[[], Any]) -> Tensor:
        """Return what the frozen layers say, of the shape (1, tokens, width)."""
        if self.is_all:
            output = inner()
            self.output = type(output)
            return output.last_hidden_state  # type: ignore[no-any-return]

        def stop(layer: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
            raise Reached(args[0] if args else named["hidden_states"])

        hook = self.layers[self.first].register_forward_pre_hook(
            stop, prepend=True, with_kwargs=True
        )
        try:
            inner()
        except Reached as reached:
            return reached.states
        finally:
            hook.remove()
        raise RuntimeError("the model did not come by its own layer")

    def go_on(self, inner: Callable[[], Any], states: Tensor) -> Any:
        """Return the output of the model whose frozen layers said ``states``."""
        if self.is_all:
            assert self.output is not None  # noqa: S101 - states come from `run`
            return self.output(last_hidden_state=states)

        def replace(
            layer: Any, args: tuple[Any, ...], named: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            if args:
                return (states, *args[1:]), named
            return args, {**named, "hidden_states": states}

        hook = self.upper[0].register_forward_pre_hook(replace, prepend=True, with_kwargs=True)
        with self._only_upper():
            try:
                return inner()
            finally:
                hook.remove()

    @contextmanager
    def _only_upper(self) -> Iterator[None]:
        self.holder._modules[self.name] = self.upper
        try:
            yield
        finally:
            self.holder._modules[self.name] = self.layers


class Reached(Exception):  # noqa: N818 - not an error: the rest of the model is left out
    """Leaves a model in the middle, with what its frozen layers said."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


def lowest_trained(inner: Any) -> Frozen | None:
    """Look for layers that stay as they are: those below the first that has a trained weight.

    The pooler, which heads train, stands above all layers. Whether anything else that is trained
    stands below them is for the caller to try, as no list of names would know.
    """
    found = layers_of(inner)
    if found is None:
        return None
    layers = getattr(*found)
    pooler = getattr(inner, "pooler", None)
    above = set() if pooler is None else set(pooler.parameters())
    own = {parameter for layer in layers for parameter in layer.parameters()}
    others = set(inner.parameters()) - above - own
    trained = [any(p.requires_grad for p in layer.parameters()) for layer in layers]
    first = trained.index(True) if any(trained) else len(layers)
    if first == len(layers) and any(p.requires_grad for p in others):
        first -= 1  # such as a norm after the last layer
    return Frozen(*found, first) if first else None
