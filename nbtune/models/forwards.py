"""Other forward passes for some modules, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

Forward = Callable[..., Any]


@contextmanager
def other_forwards(modules: Iterable[Any], make: Callable[[Any], Forward]) -> Iterator[None]:
    """Give modules the forward pass that ``make`` returns for them, inside this block.

    Such blocks may stand in each other and share modules: the inner one finds what the outer one
    put there, and puts it back.
    """
    before = [(module, vars(module).get("forward")) for module in modules]
    for module, _ in before:
        module.forward = make(module)
    try:
        yield
    finally:
        for module, own in before:
            if own is None:
                del module.forward
            else:
                module.forward = own
