"""The layers of a model, whatever it is called: embeddings, then one above the other."""

from __future__ import annotations

import re
from typing import Any

from torch.nn import ModuleList, Parameter

_NUMBERED = re.compile(r"(?:.*?\.)?\d+(?=\.)")


def unwrapped(model: Any) -> Any:
    """Return the model of transformers, where adapters are wrapped around one."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def layers_of(inner: Any) -> tuple[Any, str] | None:
    """Return the module that holds the layers, and the name they have there: the longest list."""
    lists = [
        (len(part), holder, name)
        for holder in inner.modules()
        for name, part in holder.named_children()
        if isinstance(part, ModuleList) and len({type(layer) for layer in part}) == 1
    ]
    return max(lists, key=lambda found: found[0])[1:] if lists else None


def layer_depths(model: Any, head: list[str]) -> dict[Parameter, int]:
    """Return how far above the embeddings each weight lies.

    A layer is an entry of a numbered list such as ``encoder.layer.3`` or ``h.3``; lists within
    layers do not count. What follows the last layer, such as a final norm, belongs to it.

    Parameters
    ----------
    head : list of str
        Names of the parts that stand above all layers.

    Returns
    -------
    dict
        0 for the embeddings, 1 for the lowest layer, and for the head 1 more than for the
        highest.
    """
    depth, layer = 0, None
    depths: dict[Parameter, int] = {}
    above: list[Parameter] = []
    for name, weight in unwrapped(model).named_parameters():
        if any(f"{name}.".startswith(f"{part}.") for part in head):
            above.append(weight)
            continue
        found = _NUMBERED.match(name)
        if found and found[0] != layer:
            depth, layer = depth + 1, found[0]
        depths[weight] = depth
    return depths | dict.fromkeys(above, depth + 1)
