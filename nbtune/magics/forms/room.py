"""How large a model is, and whether there is room to train it: a guess that reads no weights."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbtune.methods import Method, find_method
from nbtune.models.sources import ModelSource
from nbtune.panels.html import size
from nbtune.recipe import Recipe

FLOAT, QUANTIZED = 4, 1
"""Bytes a weight, and one of a quantised model, the parts that stay as they are included."""
MOMENTS = {
    "sgd": 0, "adafactor": 0, "adamw_bnb_8bit": 0.5,
    "adagrad": 1, "rmsprop": 1, "lion": 1, "muon": 1,
}  # fmt: skip
"""Numbers that an optimiser keeps of each weight that moves; those of Adam's kind keep two."""
TIGHT = 0.8


@dataclass(frozen=True)
class Need:
    """What the weights of a run take, batches not counted, in bytes.

    Attributes
    ----------
    weights, moving : int
        Numbers of weights, in all and of those that are trained.
    state : int
        A checkpoint to go on from: weights that move and what the optimiser keeps of them.
    """

    weights: int
    moving: int
    memory: int
    state: int


def about_model(recipe: Recipe, source: ModelSource) -> str:
    """Return a sentence on the weights of a model."""
    if source.kind == "scratch":
        return f"it starts from nothing, in size {source.size}"
    if source.kind == "hub":
        return "from the hub when it trains; its size is known once it is here"
    if (need := need_of(recipe, source)) is None:
        return ""
    return f"{need.weights / 1e6:,.1f} M weights; {find_method(recipe.method).summary}"


def need_of(recipe: Recipe, source: ModelSource) -> Need | None:
    """Return about what training a model takes; None where its size is not known yet."""
    if source.kind in ("scratch", "hub"):
        return None
    weights = sum(map(_weights_in, Path(source.location).glob("*.safetensors")))
    if not weights:
        return None
    method = find_method(recipe.method)
    moving = round(weights * method.trains)
    state = moving * FLOAT * (1 + MOMENTS.get(recipe.optim, 2))
    return Need(weights, moving, memory_for(weights, recipe, method), round(state))


def fits(need: Need) -> str:
    """Say how much memory is needed at least, and whether it is there."""
    room, where = _room()
    told = "it fits" if need.memory < TIGHT * room else "that is tight"
    told = told if need.memory < room else "too little"
    return (
        f"about {size(need.memory)} and more for the batches; {size(room)} are free{where}: {told}"
    )


def memory_for(weights: int, recipe: Recipe, method: Method) -> int:
    """Return about how many bytes so many weights, their gradients and the optimiser take."""
    own = FLOAT if method.quantize is None else QUANTIZED
    moving = method.trains * FLOAT * (1 + MOMENTS.get(recipe.optim, 2))
    return round(weights * (own + moving))


def _weights_in(file: Path) -> int:
    """Return the number of weights in a file, which its first bytes tell."""
    return sum(math.prod(shape) for shape in _shapes(file))


def _shapes(file: Path) -> Iterator[list[int]]:
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(min(length, 1 << 27)))
    except (OSError, ValueError):
        return  # it is refused when it is read
    yield from (one["shape"] for name, one in header.items() if name != "__metadata__")


def _room() -> tuple[int, str]:
    """Return the bytes that are free where a run would train, and where that is."""
    import torch

    from nbtune.engine.memory import room_bytes

    if torch.cuda.is_available():
        return room_bytes(torch.device("cuda")), f" on {torch.cuda.get_device_name()}"
    return room_bytes(torch.device("cpu")), ""
