"""The state of a training run as tensors and JSON: nothing is pickled, everything is there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
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
    """Where a run stands: counters that the loop keeps and a checkpoint carries.

    ``window_*`` belong to the steps since the last report, so that a resumed run reports what
    the uninterrupted one would have reported.
    """

    step: int = 0
    seconds: float = 0.0
    micro_rows: int = 0
    best_score: float | None = None
    best_step: int | None = None
    worse_evaluations: int = 0
    bad_steps: int = 0
    window_loss: float = 0.0
    window_steps: int = 0
    window_rows: int = 0
    window_tokens: int = 0


def trained_weights(model: Any) -> dict[str, Tensor]:
    """Return the weights that move, by name; frozen ones come from where the model came from."""
    return {
        name: parameter.detach()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def save_weights(folder: Path, model: Any) -> None:
    """Write the weights that move."""
    weights = {name: tensor.contiguous() for name, tensor in trained_weights(model).items()}
    save_file(weights, folder / WEIGHTS)


def load_weights(folder: Path, model: Any) -> None:
    """Put saved weights into the model, in place.

    Raises
    ------
    ValueError
        When they are not those of this model.
    """
    own = trained_weights(model)
    saved = load_file(folder / WEIGHTS)
    if own.keys() != saved.keys():
        raise ValueError(f"the weights in {folder.name} are those of another model")
    for name, tensor in own.items():
        tensor.copy_(saved[name])


def save_state(
    folder: Path, model: Any, optimizer: torch.optim.Optimizer, scaler: Any, progress: Progress
) -> None:
    """Write all that is needed to go on as if nothing had happened."""
    save_weights(folder, model)
    state = optimizer.state_dict()["state"]
    save_file(
        {
            f"{i}.{name}": value.contiguous()
            for i, own in state.items()
            for name, value in own.items()
            if isinstance(value, Tensor)
        },
        folder / OPTIMIZER,
    )
    randomness = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        randomness["cuda"] = torch.cuda.get_rng_state()
    save_file(randomness, folder / RANDOM)
    write_json(folder / PROGRESS, {"progress": asdict(progress), "scaler": scaler.state_dict()})


def load_state(folder: Path, model: Any, optimizer: torch.optim.Optimizer, scaler: Any) -> Progress:
    """Read back what `save_state` wrote, into the objects given; the inverse of it.

    Raises
    ------
    ValueError
        When the state belongs to another model or optimiser.
    """
    load_weights(folder, model)
    _load_optimizer(folder, optimizer)
    randomness = load_file(folder / RANDOM)
    torch.set_rng_state(randomness["cpu"])
    if torch.cuda.is_available() and "cuda" in randomness:
        torch.cuda.set_rng_state(randomness["cuda"])
    saved = read_json(folder / PROGRESS)
    scaler.load_state_dict(saved["scaler"])
    known = {field.name for field in fields(Progress)}
    return Progress(**{k: v for k, v in saved["progress"].items() if k in known})


def _load_optimizer(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in load_file(folder / OPTIMIZER).items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = tensor
    expected = sum(len(group["params"]) for group in optimizer.param_groups)
    if state and len(state) != expected:
        raise ValueError(f"the optimiser in {folder.name} is that of another model")
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
