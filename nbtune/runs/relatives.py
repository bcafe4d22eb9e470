"""Other runs that one wants to see beside a run."""

from __future__ import annotations

from typing import Any

from nbtune.runs.folder import RunFolder
from nbtune.runs.store import RunStore


def relatives(folder: RunFolder, most: int) -> list[RunFolder]:
    """Return other runs of the same task in the same place that have something to show.

    Those of the same name come first, and those that a run's seeds or shares were made for; then
    the newest.
    """
    own = folder.about
    family = _family(folder, own)
    found = []
    for run in RunStore(folder.path.parent).folders():
        about = run.about
        if run.title == folder.title or about.get("task") != own.get("task"):
            continue
        if _size(run):
            is_near = bool(_family(run, about) & family)
            found.append((is_near, about.get("created", 0), run))
    return [run for _, _, run in sorted(found, key=lambda one: one[:2], reverse=True)[:most]]


def _family(folder: RunFolder, about: dict[str, Any]) -> set[str]:
    """Return the names that a run goes by: its own, and that of the run it was made for."""
    of = about.get("part", {}).get("of", "")
    return {folder.name, of.rpartition("@")[0]} - {""}


def _size(run: RunFolder) -> int:
    try:
        return run.history_path.stat().st_size
    except OSError:
        return 0
