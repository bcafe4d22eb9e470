"""The state of a training run as tensors and JSON: nothing is pickled, everything is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nbtune.engine.spikes import SpikeWatch
from nbtune.errors import CheckpointError
from nbtune.runs.files import read_json, write_json

WEIGHTS, OPTIMIZER, RANDOM, PROGRESS = (
    "model.safetensors",
    "optimizer.safetensors",
    "random.safetensors",
    "progress.json",
)
BELOW = "/"
"""Stands between the name of a weight and of its state; names of weights have dots in them."""


@dataclass
class Progress:
    """Where a run stands: what the loop keeps and a checkpoint carries.

    ``evaluated_step`` was the last to be evaluated, ``evaluation_owed`` says that this step still
    has to be; ``bad_steps`` were left out in a row just now, ``spikes`` knows which losses are
    usual, and ``went_back`` counts divergences; ``total_steps`` were asked for when this was
    saved; ``runs_frozen_once`` says whether frozen layers run once for all epochs.
    ``scores`` are those that pick the best weights, of all evaluations that were due, None where
    one was no number. ``controls`` counts what was asked of the run so far that shapes its
    course; ``settings`` are those that can change, as they are, and ``given`` as the recipe has
    them. ``made_for`` is what the state would not fit without.
    """

    step: int = 0
    total_steps: int = 0
    evaluated_step: int = 0
    evaluation_owed: bool = False
    seconds: float = 0.0
    micro_rows: int = 0
    best_score: float | None = None
    best_step: int | None = None
    worse_evaluations: int = 0
    bad_steps: int = 0
    spikes: SpikeWatch = field(default_factory=SpikeWatch)
    went_back: int = 0
    scores: list[float | None] = field(default_factory=list)
    runs_frozen_once: bool | None = None
    controls: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    made_for: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> Progress:
        """Return what a checkpoint says; of another version what is known here."""
        known = {field.name for field in fields(cls)}
        progress = cls(**{name: value for name, value in saved.items() if name in known})
        if "spikes" in saved:
            progress.spikes = SpikeWatch(**saved["spikes"])
        return progress


def moving_tensors(model: Any) -> dict[str, Tensor]:
    """Return what training moves, by name: trained weights, and buffers such as running means.

    Frozen weights, and buffers that are not saved with a model, come from where it came from.
    """
    saved = model.state_dict().keys()
    weights = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    return weights | {n: b for n, b in model.named_buffers() if n in saved}


def frozen_fingerprint(model: Any) -> str:
    """Return a fingerprint of the weights that are not trained."""
    import xxhash

    digest = xxhash.xxh3_64()
    for weight in model.parameters():
        if not weight.requires_grad:
            digest.update(f"{tuple(weight.shape)}".encode())
            digest.update(weight.detach().flatten().cpu().view(torch.uint8).numpy())
    return digest.hexdigest()


def adapter_scales(model: Any) -> str:
    """Return what adapters are multiplied by, such as alpha / r of LoRA; none for no adapters."""
    scaled = [getattr(module, "scaling", None) for module in model.modules()]
    found = {scale for own in scaled if isinstance(own, Mapping) for scale in own.values()}
    return ", ".join(f"{scale:g}" for scale in sorted(found)) or "none"


def save_weights(folder: Path, model: Any) -> None:
    """Write what training moves."""
    weights = {name: tensor.contiguous() for name, tensor in moving_tensors(model).items()}
    save_file(weights, folder / WEIGHTS)


def load_weights(folder: Path, model: Any) -> None:
    """Put saved weights into the model, in place.

    Raises
    ------
    CheckpointError
        When they are not those of this model; then nothing has changed.
    """
    put_weights(load_file(folder / WEIGHTS), model, folder.name)


def put_weights(saved: Mapping[str, Tensor], model: Any, where: str) -> None:
    """Put weights into the model, in place; see `load_weights`."""
    own = moving_tensors(model)
    if shapes(own) != shapes(saved):
        raise CheckpointError(
            f"the weights in {where} are those of another model: {_unlike(own, saved)}",
            hint="the model, method or labels of this run were changed; train it anew: --fresh",
        )
    for name, tensor in own.items():
        tensor.copy_(saved[name])


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes by name."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _unlike(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> str:
    here, there = shapes(own), shapes(saved)
    name = next(n for n in [*here, *there] if here.get(n) != there.get(n))
    return f"{name} is {here.get(name, 'missing')} here and {there.get(name, 'missing')} there"


def all_finite(model: Any) -> bool:
    """Tell whether no trained weight is NaN or infinite; this waits for the device."""
    moving = moving_tensors(model).values()
    # The ends of a tensor tell as much as a mask of it, with no memory and in a tenth of the time.
    ends = [
        end.isfinite()
        for tensor in moving
        if tensor.is_floating_point() and tensor.numel()
        for end in torch.aminmax(tensor.detach())
    ]
    return not ends or bool(torch.stack(ends).all())


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
    weights, numbered = _optimized(model, optimizer), optimizer.state_dict()["state"]
    state = dict(_leaves({weights[number]: own for number, own in numbered.items()}))
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    save_file(_apart(tensors), folder / OPTIMIZER)
    save_file(randomness, folder / RANDOM)
    numbers = {name: value for name, value in state.items() if name not in tensors}
    write_json(
        folder / PROGRESS,
        {"progress": asdict(progress), "scaler": scaler.state_dict(), "optimizer": numbers},
    )


def load_state(
    folder: Path,
    model: Any,
    optimizer: torch.optim.Optimizer,
    scaler: Any,
    made_for: Mapping[str, Any] | None = None,
) -> tuple[Progress, dict[str, Tensor]]:
    """Read back what `save_state` wrote, into the objects given; returns progress and randomness.

    Raises
    ------
    CheckpointError
        When the state is not ``made_for`` this, or belongs to another model or optimiser; then
        nothing has changed.
    """
    saved = read_json(folder / PROGRESS)
    progress = Progress.of(saved["progress"])
    _refuse_other(progress, made_for or {}, folder.name)
    state = _optimizer_state(folder, _optimized(model, optimizer), saved.get("optimizer", {}))
    load_weights(folder, model)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    scaler.load_state_dict(saved["scaler"])
    return progress, load_file(folder / RANDOM)


def _refuse_other(progress: Progress, made_for: Mapping[str, Any], where: str) -> None:
    unlike = [
        f"{name} was {progress.made_for[name]} and is {value}"
        for name, value in made_for.items()
        if progress.made_for.get(name, value) != value
    ]
    if unlike:
        raise CheckpointError(
            f"the checkpoint {where} does not fit this run: {', '.join(unlike)}",
            hint="put the recipe back as it was, or train anew: --fresh",
        )


def _optimized(model: Any, optimizer: torch.optim.Optimizer) -> list[str]:
    """Return the names of the weights that the optimiser moves, as it numbers them.

    The numbers depend on the rates of the recipe, so that a checkpoint goes by names.
    """
    names = {weight: name for name, weight in model.named_parameters()}
    return [names[weight] for group in optimizer.param_groups for weight in group["params"]]


def _optimizer_state(
    folder: Path, weights: list[str], others: Mapping[str, Any]
) -> dict[int, dict[str, Any]]:
    numbers = {name: number for number, name in enumerate(weights)}
    state: dict[int, dict[str, Any]] = {}
    for key, value in {**load_file(folder / OPTIMIZER), **others}.items():
        weight, *groups, name = key.split(BELOW)
        if weight not in numbers:  # fewer are right: not all weights get gradients
            raise CheckpointError(f"the optimiser in {folder.name} is that of another model")
        inner = state.setdefault(numbers[weight], {})
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = value
    return state


def _leaves(state: Mapping[Any, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what lies in nested mappings, by the names of all levels."""
    for name, value in state.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}{BELOW}")
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
