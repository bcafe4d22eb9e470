"""The state of a training run as tensors and JSON: nothing is pickled, everything is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nbtune.runs.files import read_json, write_json

WEIGHTS, OPTIMIZER, RANDOM, PROGRESS = (
    "model.safetensors",
    "optimizer.safetensors",
    "random.safetensors",
    "progress.json",
)


@dataclass
class Progress:
    """Where a run stands: what the loop keeps and a checkpoint carries.

    ``evaluated_step`` was the last to be evaluated; ``bad_steps`` were left out in a row just
    now; ``total_steps`` were asked for when this was saved; ``scores`` are those that pick the
    best weights, of all evaluations that counted, None where one was no number.
    """

    step: int = 0
    total_steps: int = 0
    evaluated_step: int = 0
    seconds: float = 0.0
    micro_rows: int = 0
    best_score: float | None = None
    best_step: int | None = None
    worse_evaluations: int = 0
    bad_steps: int = 0
    scores: list[float | None] = field(default_factory=list)


def moving_tensors(model: Any) -> dict[str, Tensor]:
    """Return what training moves, by name: trained weights, and buffers such as running means.

    Frozen weights, and buffers that are not saved with a model, come from where it came from.
    """
    saved = model.state_dict().keys()
    weights = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    return weights | {n: b for n, b in model.named_buffers() if n in saved}


def save_weights(folder: Path, model: Any) -> None:
    """Write what training moves."""
    weights = {name: tensor.contiguous() for name, tensor in moving_tensors(model).items()}
    save_file(weights, folder / WEIGHTS)


def load_weights(folder: Path, model: Any) -> None:
    """Put saved weights into the model, in place.

    Raises
    ------
    ValueError
        When they are not those of this model.
    """
    own = moving_tensors(model)
    saved = load_file(folder / WEIGHTS)
    if own.keys() != saved.keys():
        raise ValueError(f"the weights in {folder.name} are those of another model")
    for name, tensor in own.items():
        tensor.copy_(saved[name])


def save_state(
    folder: Path,
    model: Any,
    optimizer: torch.optim.Optimizer,
    scaler: Any,
    progress: Progress,
    randomness: dict[str, Tensor],
) -> None:
    """Write all that is needed to go on as if nothing had happened."""
    save_weights(folder, model)
    state = dict(_leaves(optimizer.state_dict()["state"]))
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    save_file(_apart(tensors), folder / OPTIMIZER)
    save_file(randomness, folder / RANDOM)
    numbers = {name: value for name, value in state.items() if name not in tensors}
    write_json(
        folder / PROGRESS,
        {"progress": asdict(progress), "scaler": scaler.state_dict(), "optimizer": numbers},
    )


def load_state(
    folder: Path, model: Any, optimizer: torch.optim.Optimizer, scaler: Any
) -> tuple[Progress, dict[str, Tensor]]:
    """Read back what `save_state` wrote, into the objects given; returns progress and randomness.

    Raises
    ------
    ValueError
        When the state belongs to another model or optimiser.
    """
    load_weights(folder, model)
    saved = read_json(folder / PROGRESS)
    _load_optimizer(folder, optimizer, saved.get("optimizer", {}))
    scaler.load_state_dict(saved["scaler"])
    known = {field.name for field in fields(Progress)}
    progress = Progress(**{k: v for k, v in saved["progress"].items() if k in known})
    return progress, load_file(folder / RANDOM)


def _load_optimizer(
    folder: Path, optimizer: torch.optim.Optimizer, numbers: dict[str, Any]
) -> None:
    state: dict[int, dict[str, Any]] = {}
    for key, value in {**load_file(folder / OPTIMIZER), **numbers}.items():
        index, *groups, name = key.split(".")
        inner = state.setdefault(int(index), {})
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = value
    known = sum(len(group["params"]) for group in optimizer.param_groups)
    if any(index >= known for index in state):  # fewer are right: not all weights get gradients
        raise ValueError(f"the optimiser in {folder.name} is that of another model")
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _leaves(state: Mapping[Any, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what lies in nested mappings, by names with dots between the levels."""
    for name, value in state.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whole, none in the memory of another, as safetensors wants them."""
    places: set[int] = set()
    found = {}
    for name, tensor in tensors.items():
        found[name] = tensor.clone() if tensor.data_ptr() in places else tensor.contiguous()
        places.add(tensor.data_ptr())
    return found
