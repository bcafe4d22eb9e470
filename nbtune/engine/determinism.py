"""Random numbers and algorithms that are the run's own: the same every time, and gone with it."""

from __future__ import annotations

import math
import os
import random
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbtune.engine.device import random_state, restore_random_state

_NOT_DETERMINISTIC = re.compile(r"(\S+) does not have a deterministic implementation")
_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


def seed_all(seed: int) -> None:
    """Seed the random numbers of torch, numpy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Put the random numbers back, after this block, to where they stood before it."""
    before = random_state(device) | host_random_state()
    try:
        yield
    finally:
        restore_random_state(device, before)
        restore_host_random_state(before)


def host_random_state() -> dict[str, Tensor]:
    """Return where the random numbers of numpy and Python stand, as tensors of float64.

    Their words have 32 bits, which float64 holds exactly; Python's last number may be missing.
    """
    drawn = np.random.get_state(legacy=False)
    own = drawn["state"]
    _, words, gauss = random.getstate()
    last = math.nan if gauss is None else gauss
    numpys = [*own["key"].tolist(), own["pos"], drawn["has_gauss"], drawn["gauss"]]
    return {
        "numpy": torch.tensor(numpys, dtype=torch.float64),
        "python": torch.tensor([*words, last], dtype=torch.float64),
    }


def restore_host_random_state(states: Mapping[str, Tensor]) -> None:
    """Go back to what `host_random_state` returned; states that are missing are passed over."""
    if "numpy" in states:
        *words, place, has_gauss, gauss = states["numpy"].tolist()
        key = np.array(words, dtype=np.uint32)
        np.random.set_state(("MT19937", key, int(place), int(has_gauss), gauss))
    if "python" in states:
        *own, last = states["python"].tolist()
        random.setstate((3, tuple(map(int, own)), None if math.isnan(last) else last))


@contextmanager
def deterministic(wanted: bool, tell: Callable[[str], None]) -> Iterator[None]:
    """Use deterministic algorithms inside this block, and tell at its end what had none.

    Operations without a deterministic form are computed as ever, and named. All is as before
    afterwards.

    Parameters
    ----------
    tell : callable
        Takes a sentence for the user.
    """
    if not wanted:
        yield
        return
    if torch.cuda.is_available() and _CUBLAS not in os.environ:
        tell(f"full_determinism: matrix products need {_CUBLAS}=:16:8, set before Python starts")
    found: list[str] = []
    try:
        with _deterministic_algorithms(), _noting(found):
            yield
    finally:
        tell(f"full_determinism: {_verdict(found)}")


def _verdict(found: list[str]) -> str:
    if found:
        return f"these were not deterministic: {', '.join(found)}"
    threads = f"{torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
    return f"all was deterministic; torch {torch.__version__} with {threads} comes to it again"


@contextmanager
def _deterministic_algorithms() -> Iterator[None]:
    cudnn, cublas = torch.backends.cudnn, os.environ.get(_CUBLAS)
    modes = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    flags = cudnn.deterministic, cudnn.benchmark
    os.environ.setdefault(_CUBLAS, ":16:8")  # read when a process first multiplies on its GPU
    torch.use_deterministic_algorithms(True, warn_only=True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(modes, warn_only=warn_only)
        cudnn.deterministic, cudnn.benchmark = flags
        if cublas is None:
            del os.environ[_CUBLAS]


@contextmanager
def _noting(found: list[str]) -> Iterator[None]:
    """Add the operations that torch warns of to a list, and pass all other warnings on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=_NOT_DETERMINISTIC.pattern)
        show = warnings.showwarning

        def note(message: Any, *others: Any, **more: Any) -> None:
            if named := _NOT_DETERMINISTIC.search(str(message)):
                if named[1] not in found:
                    found.append(named[1])
            else:
                show(message, *others, **more)

        warnings.showwarning = note
        yield
