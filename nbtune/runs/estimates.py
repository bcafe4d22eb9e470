"""Estimates wait beside the runs until a run of the same recipe and data begins."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from nbtune.records import Estimate
from nbtune.runs.files import write_text

FOLDER = ".estimates"
MOST_KEPT = 200


def keep_estimate(root: Path, identity: str, estimate: Estimate) -> None:
    """Keep an estimate; where nothing can be written it is only not remembered."""
    folder = root / FOLDER
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / f"{identity}.json", estimate.to_json())
        newest_last = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for old in newest_last[:-MOST_KEPT]:
            old.unlink(missing_ok=True)


def find_estimate(root: Path, identity: str) -> Estimate | None:
    """Return what was kept for this recipe and data, or None."""
    try:
        return Estimate.from_json((root / FOLDER / f"{identity}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
