"""Steer and follow a run while it trains."""

from __future__ import annotations

from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from nbtune.api.finding import run_of
from nbtune.errors import RunError
from nbtune.interrupts import interrupts_kept
from nbtune.results.run import WAITING_SECONDS, Run

if TYPE_CHECKING:
    from nbtune.engine.control import Control
    from nbtune.engine.remote import RemoteControl


def control(
    run: str | Run | None = None, *, runs_dir: str | Path | None = None
) -> Control | RemoteControl:
    """Return what steers a run while it trains, for a cell, another thread or a button.

    It pauses, resumes, stops, saves, evaluates, and changes the learning rate, the number of
    epochs, the evaluation interval and the patience, each between two steps. The run may train in
    this process or, with a file system in common, in another one.

    Parameters
    ----------
    run : str or Run, optional
        By default the run that trains here now.

    Raises
    ------
    RunError
        When no such run trains.

    Examples
    --------
    >>> nbtune.control("topics").change(learning_rate=1e-5)  # doctest: +SKIP
    """
    if run is not None:
        return run_of(run, runs_dir).control
    from nbtune.engine.control import find_control

    if (found := find_control()) is None:
        raise RunError(
            "no run trains in this kernel now", hint="name one that trains elsewhere: see %runs"
        )
    return found


def stop(run: str | Run, *, runs_dir: str | Path | None = None) -> Run:
    """End a run that trains in the background or elsewhere, and wait until it has ended.

    It ends after its step, saved and with its best weights kept; `resume` goes on with it.

    Raises
    ------
    RunError
        When no such run trains.
    """
    found = run_of(run, runs_dir)
    found.control.stop()
    return found.wait()


def pause(run: str | Run, *, runs_dir: str | Path | None = None) -> Run:
    """Have a run that trains in the background or elsewhere save after its step and wait there.

    Returns when it waits; `resume` lets it go on.

    Raises
    ------
    RunError
        When no such run trains.
    """
    found = run_of(run, runs_dir)
    steering = found.control
    steering.pause()
    with interrupts_kept() as check:
        while steering.status != "paused" and found.folder.is_busy():
            check()
            sleep(WAITING_SECONDS)
    return found


def watch(
    run: str | Run,
    *,
    wait: bool = False,
    runs_dir: str | Path | None = None,
    display: str | None = None,
) -> None:
    """Show a run as it is and, while it trains, as it goes on.

    It may train in this kernel, beside this cell, and is then steered from here as well; or in
    another kernel or process of this machine, whose history is followed. When that process ends,
    the card says so and how to go on.

    Parameters
    ----------
    wait : bool
        Return only when the run has ended. In a terminal, and where nobody watches, this is always
        so; an interrupt ends the waiting, not the run.
    display : {"auto", "rich", "text", "none"}, optional
        How to show it, as for `finetune`.

    Raises
    ------
    RunError
        When there is no such run.

    Examples
    --------
    >>> nbtune.watch("topics")  # doctest: +SKIP
    """
    run_of(run, runs_dir).watch(display, wait=wait)
