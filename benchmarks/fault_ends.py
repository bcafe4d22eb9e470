"""What ends a process, or would: kills, interrupts, SIGTERM, one cell again and again."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import psutil
import torch
from fault_bench import LONG, ROWS, TEXTS, Bench, Tally, live, wait_for_steps

import nbtune


def kill(bench: Bench, times: int) -> Tally:
    """Kill -9 at random moments of runs that save after every step."""
    settings = LONG | {"save_interval_seconds": 1e-9}
    tally, name, lives = Tally(), "killed_0", 0
    bench.whole(**settings)
    for _ in range(times):
        child = os.fork()
        if not child:
            live(bench, name, settings)
        time.sleep(bench.rng.uniform(0.0, 2.0))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        lives += 1
        left = bench.runs / f"{name}@1"
        if not (left / "run.json").is_file():
            # Killed before the run was laid out: then there is none, and no number is taken.
            tally.note(not left.exists(), f"{name}: half a run appeared")
            continue
        run = bench.load(name)
        found, passed_over = run.folder.last.newest()
        states = run.status, bool(found) or not _has_saved(run), passed_over
        well = states[0] in ("interrupted", "finished") and states[1] and not passed_over
        tally.note(well, f"{name}: {states}")
        if run.status == "finished" or lives == 20:
            run = run if run.status == "finished" else bench.resume(name)
            if not bench.is_whole(run, **settings):
                tally.good -= 1
                tally.wrong.append(f"{name}: other predictions after {lives} lives")
            name, lives = f"killed_{tally.tried}", 0
    return tally


def _has_saved(run: nbtune.Run) -> bool:
    return any(type(event).__name__ == "CheckpointSaved" for _, event in run.events)


def interrupt(bench: Bench, times: int) -> Tally:
    """Interrupt at random moments, one to three times: a usable run and a clean session."""
    settings = LONG | {"save_interval_seconds": 0.05}
    tally, name = Tally(), "cut_0"
    bench.whole(**settings)
    for turn in range(times):
        presses = turn % 3 + 1
        try:
            with _pressing(bench.rng, presses), suppress(KeyboardInterrupt):
                bench.train(name, **settings)
        except KeyboardInterrupt:
            pass  # it came when the run had ended already
        faults = _unclean()
        status = "none"
        if (bench.runs / f"{name}@1").exists():
            run = bench.load(name)
            status = run.status
            if status not in ("paused", "finished"):
                faults.append(f"it is {status}")
            elif run.folder.model_path.exists() and not np.isfinite(run.predict_proba(TEXTS)).all():
                faults.append("it predicts nothing")
        tally.note(not faults, f"{name}, {presses} presses: {faults}")
        if status == "finished" or turn == times - 1:
            run = bench.train(name, **settings)
            if not bench.is_whole(run, **settings):
                tally.good -= 1
                tally.wrong.append(f"{name}: other predictions")
            name = f"cut_{turn + 1}"
    return tally


@contextmanager
def _pressing(rng: random.Random, presses: int) -> Iterator[None]:
    """Press Interrupt from another thread, while this block is at work."""
    at_work = [True]

    def press() -> None:
        time.sleep(rng.uniform(0, 2.5))
        for _ in range(presses):
            if at_work:
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(rng.choice([0.0, 0.001, 0.05]))

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    except KeyboardInterrupt:
        pass  # it came on the way out
    finally:
        own = signal.signal(signal.SIGINT, signal.SIG_IGN)  # and others may come yet
        at_work.clear()
        thread.join()
        signal.signal(signal.SIGINT, own)


def _unclean() -> list[str]:
    found = []
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        found.append("Interrupt is not as it was")
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        found.append("SIGTERM is not as it was")
    is_changed = not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu")
    if is_changed or torch.ones(1).device.type != "cpu":
        found.append("torch is not as it was")
    try:
        nbtune.control()
    except nbtune.RunError:
        pass
    else:
        found.append("a control is left")
    return found


def terminate(bench: Bench, times: int) -> Tally:
    """SIGTERM at random moments of training: saved, and ended by the signal."""
    tally = Tally()
    for turn in range(times):
        name = f"ended_{turn}"
        child = os.fork()
        if not child:
            live(bench, name, LONG)
        wait_for_steps(bench, name)
        time.sleep(bench.rng.uniform(0, 0.3))
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        run = bench.load(name)
        by_signal = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM
        well = (by_signal and run.status == "paused") or run.status == "finished"
        if run.status == "paused":
            run = bench.resume(name)
        tally.note(well and bench.is_whole(run, **LONG), f"{name}: {status}, {run.status}")
    return tally


def rerun(bench: Bench, times: int) -> Tally:
    """Run one cell again and again: the memory of the shell is flat after the third."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from traitlets.config import Config

    tally = Tally()
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    shell.user_ns["df"] = ROWS
    os.environ["NBTUNE_RUNS"] = str(bench.runs)
    cell = (
        f"%%finetune again --data df --fresh\nmodel: {bench.model}\nbaseline: false\n"
        "num_train_epochs: 2"
    )
    held = []
    with capture_output():
        shell.run_cell("%load_ext nbtune").raise_error()
        for _ in range(times):
            shell.run_cell(cell, store_history=True).raise_error()
            held.append(psutil.Process().memory_info().rss / 2**20)
    after = held[2:]
    slope = float(np.polyfit(range(len(after)), after, 1)[0]) if len(after) > 1 else 0.0
    grown = after[-1] - after[0]
    tally.tried = times
    is_flat = grown < 16 and (slope < 0.5 or times < 20)
    tally.good = times if is_flat else 0
    tally.wrong.append(
        f"{held[0]:.0f}, {held[1]:.0f}, {held[2]:.0f} ... {held[-1]:.0f} MiB; "
        f"{slope:+.3f} MiB a run after the third"
    )
    return tally
