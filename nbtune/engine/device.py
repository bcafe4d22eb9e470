"""Where the work is done: number format and random numbers of a device."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

import torch
from torch import Tensor

from nbtune.errors import RecipeError

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_BF16_TRIAL = "import torch; torch.nn.functional.linear(*[torch.ones(64, 64).bfloat16()] * 2)"
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


def find_device() -> torch.device:
    """Return the first GPU, Apple's included, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def choose_precision(wanted: str, device: torch.device) -> str:
    """Return fp32, bf16 or fp16.

    ``auto`` is bf16 on a GPU that has it and fp32 elsewhere: on CPUs, and on older GPUs that
    only emulate it, bf16 is slower.

    Raises
    ------
    RecipeError
        When what is wanted does not work on this machine.
    """
    if wanted == "auto":
        good = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16" if good else "fp32"
    if wanted == "fp16" and device.type != "cuda":
        raise RecipeError("precision: fp16 needs a CUDA GPU", hint="use precision: auto")
    if wanted == "bf16" and device.type == "cpu" and not _bf16_survives():
        raise RecipeError(
            "precision: bf16 kills Python on this CPU (it names instructions it does not have)",
            hint="use precision: auto, or set ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16",
        )
    return wanted


@cache
def _bf16_survives() -> bool:
    """Try bf16 in a child, as some CPUs end the process at the first product."""
    return subprocess.run([sys.executable, "-c", _BF16_TRIAL], capture_output=True).returncode == 0  # noqa: S603


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Compute in the chosen format inside this block; weights stay in float32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, _DTYPES[precision])


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
