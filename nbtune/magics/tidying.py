"""What ``%runs`` does to runs, and the sentence that says so and how to undo it."""

from __future__ import annotations

from argparse import Namespace

from nbtune.magics.errors import LineError
from nbtune.panels.html import size

ACTIONS = ("rename", "note", "tag", "delete", "restore", "purge", "free")
NEED_A_RUN = ("rename", "note", "tag", "delete")


def tidy(found: Namespace, runs_dir: str | None) -> str:
    """Do what the line asks; returns what was done, empty when it only asks to see the runs.

    Raises
    ------
    LineError
        When the line asks for things that exclude each other, or names no run for one.
    RunError
        When a run is not there, is being trained, or cannot be changed so.
    """
    from nbtune import shelf

    asked = [name for name in ACTIONS if getattr(found, name) not in (None, False)]
    if len(asked) > 1 and set(asked) != {"note", "tag"}:
        options = " and ".join(f"--{name}" for name in asked)
        raise LineError(f"%runs: {options} at once", hint="one thing a line")
    if found.pattern is None and (needy := [name for name in asked if name in NEED_A_RUN]):
        raise LineError(
            f"%runs --{needy[0]}: which run?", hint=f"for example: %runs topics@1 --{needy[0]} ..."
        )
    pattern = found.pattern or "*"
    match asked:
        case ["delete"]:
            gone = shelf.delete_runs(pattern, runs_dir=runs_dir)
            return f"deleted {', '.join(gone)}; %runs {pattern} --restore brings back"
        case ["restore"]:
            return f"restored {', '.join(shelf.restore_runs(pattern, runs_dir=runs_dir))}"
        case ["purge"]:
            return (
                f"removed deleted runs for good: {size(shelf.purge_runs(runs_dir=runs_dir))} freed"
            )
        case ["free"]:
            freed = shelf.free_runs(pattern, runs_dir=runs_dir)
            return f"removed checkpoints of finished runs: {size(freed)} freed; their models stay"
        case ["rename"]:
            return f"{pattern} is {shelf.rename_run(pattern, found.rename, runs_dir=runs_dir)} now"
        case []:
            return ""
    shelf.describe_run(pattern, note=found.note, tags=found.tag, runs_dir=runs_dir)
    return f"noted on {pattern}"
