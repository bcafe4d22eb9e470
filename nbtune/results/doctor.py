"""What this machine, this installation and this notebook can do, and what would help."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nbtune.errors import ModelError
from nbtune.models.sources import BUILTIN, find_model
from nbtune.panels import findings as faces

PACKAGES = (
    "nbtune", "torch", "transformers", "tokenizers", "datasets", "peft", "scikit-learn",
    "matplotlib", "ipython", "ipykernel", "ipywidgets",
)  # fmt: skip
USUAL_WIDTH = 384
"""Of minilm, and the least of most pre-trained models."""
LITTLE_MEMORY, LITTLE_DISK = 1 << 30, 2 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``advice`` is empty where all is well."""

    what: str
    found: str
    advice: str = ""


class Doctor:
    """All findings, with faces."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    @property
    def healthy(self) -> bool:
        """Whether nothing needs attention."""
        return not any(finding.advice for finding in self.findings)

    def _rows(self) -> list[faces.Row]:
        return [(finding.what, finding.found, finding.advice) for finding in self.findings]

    def __repr__(self) -> str:
        return faces.findings_text(self._rows())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return faces.findings_bundle(self._rows())


def examine(runs_root: Path) -> Doctor:
    """Look at packages, device, memory, models, front end and disk."""
    return Doctor([*_packages(), *_machine(), _model(), _front_end(), *_disk(runs_root), _hub()])


def _packages() -> Iterator[Finding]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            if name != "ipykernel":  # which only a notebook needs
                yield Finding(name, "not installed", f"pip install {name}")
    yield Finding("packages", f"Python {platform.python_version()}, {', '.join(found)}")


def _machine() -> Iterator[Finding]:
    import torch

    from nbtune.engine.device import find_device
    from nbtune.engine.memory import room_bytes
    from nbtune.engine.precision import choose_precision

    device = find_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    precision = choose_precision("auto", device, width=USUAL_WIDTH)
    if choose_precision("auto", device) != precision:
        precision = f"{precision} for models of width {USUAL_WIDTH}, fp32 for narrow ones"
    threads = f"{torch.get_num_threads()} threads of {os.cpu_count()} cores"
    yield Finding("computes on", f"{device.type} ({name}), {precision}, {threads}")
    free = room_bytes(torch.device("cpu"))
    advice = "close other kernels, or train with method: lora" if free < LITTLE_MEMORY else ""
    yield Finding("free memory", f"{free / (1 << 30):.1f} GiB", advice)
    if device.type == "cuda":
        left, whole = torch.cuda.mem_get_info(device)
        yield Finding("free GPU memory", f"{left / (1 << 30):.1f} of {whole / (1 << 30):.1f} GiB")


def _model() -> Finding:
    try:
        find_model("minilm")
    except ModelError as missing:
        there = ", ".join(name for name in BUILTIN if name != "minilm")
        return Finding("built-in models", there, f"for minilm: {missing.hint}")
    return Finding("built-in models", ", ".join(BUILTIN))


def _front_end() -> Finding:
    from nbtune.panels.display import in_kernel

    if not in_kernel():
        return Finding("shown", "as lines of text: this is no notebook")
    return Finding("shown", "as a live card; Interrupt pauses and saves")


def _disk(root: Path) -> Iterator[Finding]:
    there = next(place for place in [root.absolute(), *root.absolute().parents] if place.exists())
    writable = os.access(there, os.W_OK)
    yield Finding("runs", str(root), "" if writable else "cannot write there: set NBTUNE_RUNS")
    free = shutil.disk_usage(there).free
    advice = "delete runs that are not needed" if free < LITTLE_DISK else ""
    yield Finding("free disk", f"{free / (1 << 30):.1f} GiB", advice)


def _hub() -> Finding:
    off = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    return Finding("hub", "off (HF_HUB_OFFLINE)" if off else "asked only for names not found here")
