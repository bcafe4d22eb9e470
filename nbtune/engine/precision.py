"""The number format of a run: what was asked for, else what is faster on this machine."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import torch

from nbtune.errors import RecipeError
from nbtune.runs.files import read_json, write_json

PAYS = 0.75
"""Of fp32's time in the trial; norms, softmax and dropout of a whole step gain nothing by bf16."""
NARROW = 256
"""Below this width, turning numbers from one format to the other takes what the products gain."""
FORMATS = ("fp32", "bf16")
TRIAL = "nbtune.engine.precision_trial"
PYTHON_FAILED = 1
"""How Python ends after an error, and not after an instruction that there is not."""
TRIAL_SECONDS = 60.0


def choose_precision(wanted: str, device: torch.device, width: int | None = None) -> str:
    """Return fp32, bf16 or fp16.

    ``auto`` is bf16 on a GPU that has it, as older ones only emulate it, and on a CPU where it was
    measured to be faster: once a machine, in a process of its own. ``$NBTUNE_PRECISION`` says what
    ``auto`` means instead.

    Parameters
    ----------
    width : int, optional
        The hidden size of the model; without one a CPU takes fp32.

    Raises
    ------
    RecipeError
        When what is wanted does not work on this machine.
    """
    if wanted == "auto":
        wanted = _own_choice() or wanted
    if wanted == "auto":
        if device.type == "cuda":
            return FORMATS[torch.cuda.is_bf16_supported(including_emulation=False)]
        return FORMATS[device.type == "cpu" and width is not None and pays(width)]
    if wanted == "fp16" and device.type != "cuda":
        raise RecipeError("precision: fp16 needs a CUDA GPU", hint="use precision: auto")
    if wanted == "bf16" and device.type == "cpu":
        _refuse_deadly()
    return wanted


def works(precision: str, device: torch.device, width: int | None = None) -> bool:
    """Whether a run that began in this format can go on in it here."""
    if precision != "bf16" or device.type != "cpu":
        return True
    share = measured(width or NARROW) if has_bf16() else None
    return share is not None and not math.isnan(share)


def _refuse_deadly() -> None:
    share = try_bf16(NARROW)
    if share is None:
        raise RecipeError(
            "precision: bf16 kills Python on this CPU (it names instructions it does not have)",
            hint="use precision: auto, or set ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16",
        )
    if math.isnan(share):
        raise RecipeError(
            "precision: bf16 could not be tried in a process of its own, and kills Python on some "
            "CPUs",
            hint=f"use precision: auto, or see what this says: python -m {TRIAL} {NARROW}",
        )


def _own_choice() -> str | None:
    chosen = os.environ.get("NBTUNE_PRECISION")
    if chosen and chosen not in FORMATS:
        raise RecipeError(
            f"NBTUNE_PRECISION is {chosen!r}",
            hint=f"set it to {' or '.join(FORMATS)}, or not at all",
        )
    return chosen or None


def has_bf16() -> bool:
    """Whether this CPU says that it multiplies numbers of 16 bits."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def pays(width: int) -> bool:
    """Whether bf16 is faster on this CPU."""
    share = measured(width) if width >= NARROW and has_bf16() else None
    return share is not None and share < PAYS


def measured(width: int) -> float | None:
    """Return what `try_bf16` says, which is kept for the next kernel where it was tried."""
    place, found = _place(), read_json(_place())
    kept: dict[str, float | None] = found if isinstance(found, dict) else {}
    key = f"{_cpu()}, torch {torch.__version__}, width {width}"
    if key in kept:
        return kept[key]
    share = try_bf16(width)
    if share is None or not math.isnan(share):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_json(place, kept | {key: share})
        except OSError:
            pass  # the next kernel measures it again
    return share


@cache
def try_bf16(width: int) -> float | None:
    """Return the time of a layer in bf16, of fp32's.

    None where bf16 ends the process, NaN where the trial could not begin.
    """
    command = [sys.executable, "-m", TRIAL, str(width)]
    try:
        ran = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=TRIAL_SECONDS
        )
    except subprocess.TimeoutExpired:
        return math.nan
    if ran.returncode == PYTHON_FAILED:
        return math.nan
    # What a start-up file of Python says stands before the answer.
    return float(ran.stdout.split()[-1]) if ran.returncode == 0 else None


def _place() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "nbtune", "bf16.json")


def _cpu() -> str:
    try:
        about = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in about if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
