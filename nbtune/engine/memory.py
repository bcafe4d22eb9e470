"""How much memory the work takes at its peak, on a GPU or in this process."""

from __future__ import annotations

import ctypes
import re
from contextlib import suppress
from pathlib import Path

import psutil
import torch

_PROCESS, _GROUP = Path("/proc/self"), Path("/sys/fs/cgroup")


def begin_peak(device: torch.device) -> None:
    """Count the peak from now on; where the system cannot, it is that of the whole process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):  # no Linux, or a container that forbids it
        (_PROCESS / "clear_refs").write_text("5", encoding="ascii")


def memory_bytes(device: torch.device) -> int:
    """Return what is in use: by a GPU's allocator, or by this process."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    return int(psutil.Process().memory_info().rss)


def give_back(device: torch.device) -> None:
    """Let the system have what was freed, which allocators keep for this process otherwise."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return
    with suppress(OSError, AttributeError, TypeError):  # not glibc; on Windows not even a name
        ctypes.CDLL(None).malloc_trim(0)


def peak_bytes(device: torch.device) -> int:
    """Return the peak since `begin_peak`; what is in use now where no peak is counted."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        status = (_PROCESS / "status").read_text(encoding="utf-8")
    except OSError:
        return memory_bytes(device)
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else memory_bytes(device)


def room_bytes(device: torch.device) -> int:
    """Return how much more memory can be had now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min(int(psutil.virtual_memory().available), _room_of_container())


def _room_of_container() -> int:
    """Return what the limit of a container (cgroup 2) leaves, as on Binder; endless without one."""
    try:
        limit = int((_GROUP / "memory.max").read_text(encoding="ascii"))
        taken = int((_GROUP / "memory.current").read_text(encoding="ascii"))
        cached = re.search(r"^inactive_file (\d+)", (_GROUP / "memory.stat").read_text(), re.M)
        return max(0, limit - taken + (int(cached[1]) if cached else 0))
    except (OSError, ValueError):  # no such file, or "max"
        return 1 << 62
