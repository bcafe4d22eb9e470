"""Which weights move: one file a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbtune.plugins import Plugins

if TYPE_CHECKING:
    from nbtune.recipe import Recipe


@dataclass(frozen=True)
class Method:
    """A choice of the weights that are trained.

    Attributes
    ----------
    apply : callable
        (model, recipe) to the model to train: the same one with some weights frozen, or wrapped.
    learning_rate : float
        The rate that usually suits, where neither recipe nor model names one.
    """

    name: str
    summary: str
    apply: Callable[[Any, Recipe], Any]
    learning_rate: float


BUILTIN = {
    "full": "nbtune.methods.full",
    "head": "nbtune.methods.head",
    "lora": "nbtune.methods.lora",
}

_METHODS: Plugins[Method] = Plugins("method", BUILTIN)
method_names, find_method = _METHODS.names, _METHODS.find


def head_modules(model: Any) -> list[str]:
    """Return the names of the parts with weights that stand on the token states: the head.

    The pooler counts as one: it was made for another end, or is drawn anew where the weights
    have none. Trained whole on 1,500 topics it brought MiniLM from 0.64 to 0.75 of accuracy with
    method head, and from 0.68 to 0.85 with lora.
    """
    prefix = model.base_model_prefix
    parts = dict(model.named_children())
    if (pooler := getattr(parts.pop(prefix, None), "pooler", None)) is not None:
        parts = {f"{prefix}.pooler": pooler, **parts}
    return [name for name, part in parts.items() if any(True for _ in part.parameters())]
