"""What a method trains: the weights of each part of a model, counted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from torch.nn import Parameter

from nbtune.methods import head_modules
from nbtune.models.layers import layer_depths, unwrapped
from nbtune.records import ParameterTable, PartParameters

# What PEFT puts around the names of weights; the copy that it trains stands for the original.
_WRAPPING = re.compile(r"\.(?:modules_to_save|default|base_layer)(?=\.|$)")
_REPLACED = ".original_module."


@dataclass
class _Part:
    trainable: int = 0
    parameters: int = 0
    names: dict[str, None] = field(default_factory=dict)

    def add(self, name: str, weight: Parameter) -> None:
        size = numbers_in(weight)
        self.parameters += size
        if weight.requires_grad:
            self.trainable += size
            self.names[_kind(name)] = None

    @property
    def is_whole(self) -> bool:
        return self.trainable == self.parameters

    def plus(self, other: _Part) -> _Part:
        trainable, parameters = self.trainable + other.trainable, self.parameters + other.parameters
        return _Part(trainable, parameters, self.names)

    def row(self, name: str) -> PartParameters:
        what = "all" if self.is_whole else ", ".join(self.names)
        return PartParameters(name, what, self.trainable, self.parameters)


def count_parameters(model: Any) -> ParameterTable:
    """Count the weights of a model by part, from the embeddings up to the head.

    Neighbouring layers in which the same is trained share a row.
    """
    base = unwrapped(model)
    head = head_modules(base)
    depths = layer_depths(model, head)
    top = max(depths.values())
    parts: dict[Any, _Part] = {}
    for name, weight in model.named_parameters():
        if _REPLACED in name:
            continue
        depth = depths.get(weight)
        part = name.split(".")[0] if depth is None else depth
        parts.setdefault(part, _Part()).add(name, weight)
    layers = [parts.pop(depth) for depth in range(1, top)]
    below, above = parts.pop(0, None), parts.pop(top)
    added = [part.row(name.replace("_", " ")) for name, part in parts.items()]
    first = [] if below is None else [below.row("embeddings")]  # convolutions begin with a layer
    return ParameterTable((*first, *_together(layers), *added, above.row("head")))


def numbers_in(weight: Parameter) -> int:
    """Return how many numbers a weight stands for; those of 4 bits lie two in a byte."""
    state = getattr(weight, "quant_state", None)
    return int(weight.numel() if state is None else state.shape.numel())


def _together(layers: list[_Part]) -> list[PartParameters]:
    rows: list[tuple[int, int, _Part]] = []
    for number, layer in enumerate(layers, 1):
        if rows and rows[-1][2].names == layer.names and _alike(layers[number - 2], layer):
            first, _, others = rows.pop()
            rows.append((first, number, others.plus(layer)))
        else:
            rows.append((number, number, layer))
    return [
        part.row(f"layer {first}" if first == last else f"layers {first}–{last}")
        for first, last, part in rows
    ]


def _alike(one: _Part, other: _Part) -> bool:
    """Whether as much is trained in two layers; a final norm counts to the last one."""
    return one.trainable == other.trainable or (one.is_whole and other.is_whole)


def _kind(name: str) -> str:
    """Return the last word of a name that means something: ``lora_A``, ``bias``."""
    words = _WRAPPING.sub("", name).split(".")
    adapter = [word for word in words if word.startswith(("lora_", "ia3_"))]
    return adapter[0] if adapter else words[-1]
