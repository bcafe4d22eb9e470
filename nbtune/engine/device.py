"""Where the work is done: number format and random numbers of a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


def find_device() -> torch.device:
    """Return the first GPU, Apple's included, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Compute in the chosen format inside this block; weights stay in float32.

    Torch keeps the weights it turned until the outermost such block ends. Ours stand within
    `own_modes`, so a step would see the weights of the first one: nothing is kept.
    """
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, _DTYPES[precision], cache_enabled=False)


@contextmanager
def own_modes(device: torch.device) -> Iterator[None]:
    """Compute with gradients and in float32 inside this block, whatever was set before it.

    What was set is back afterwards, even where an interrupt cut the way out of a block within:
    a kernel without gradients would train nothing any more.
    """
    with torch.enable_grad(), torch.autocast(device.type, enabled=False):
        yield


def ran_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _MEMORY_WORDS)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return where the random numbers of the CPU and of this device stand, by device type."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = torch.get_device_module(device).get_rng_state()
    return states


def restore_random_state(device: torch.device, states: dict[str, Tensor]) -> None:
    """Go back to where the random numbers stood; states of other devices are passed over."""
    torch.set_rng_state(states["cpu"])
    if device.type != "cpu" and device.type in states:
        torch.get_device_module(device).set_rng_state(states[device.type])
