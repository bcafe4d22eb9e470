"""Files that are either whole or not there: written beside, synced, then renamed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader, or a crash, never meets half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    sync(beside)
    beside.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write JSON as `write_text` does; numbers JSON does not know are refused."""
    write_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON, or return None where there is none that reads."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextmanager
def staged(place: Path) -> Iterator[Path]:
    """Fill a folder that then appears whole, in place of one that was there.

    Nothing appears when the block raises.
    """
    stage = place.with_name(f".{place.name}-{os.getpid()}")
    old = place.with_name(f".{place.name}-old-{os.getpid()}")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        yield stage
        for file in stage.iterdir():
            sync(file)
        shutil.rmtree(old, ignore_errors=True)  # an interrupt may have left one
        if place.exists():
            place.rename(old)
        stage.rename(place)
    finally:
        if old.exists() and not place.exists():
            old.rename(place)
        shutil.rmtree(stage, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def sync(path: Path) -> None:
    """Have the system put a file or folder on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
