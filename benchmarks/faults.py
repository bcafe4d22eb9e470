"""What a run survives, by the hundred: kills, interrupts, disks, memory, bad numbers, steering.

    python benchmarks/faults.py --quick
    python benchmarks/faults.py --only kill

Each fault is brought about at many moments, and each time the run is taken up again: it must come
to the predictions of the run that nothing happened to, bit for bit. The last lines are the table.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import psutil
import torch
from paired import machine, table

import nbtune
from nbtune.engine.stepping import Stepper
from nbtune.events import Controlled, Notice, StepsDone, as_it_stands
from nbtune.methods import method_names
from nbtune.models.loading import quiet
from nbtune.runs import CheckpointStore
from nbtune.testing import tiny_model_folder, topic_rows

ROWS = topic_rows(90)
TEXTS = list(ROWS["text"][:8])
SHORT = {"num_train_epochs": 2}  # 12 steps
LONG = {"num_train_epochs": 40, "eval_steps": 20}  # 240 steps


@dataclass
class Tally:
    """How often it went well, of how many times, and what went wrong."""

    good: int = 0
    tried: int = 0
    wrong: list[str] = field(default_factory=list)

    def note(self, well: bool, what: str = "") -> None:
        self.tried += 1
        self.good += well
        if not well:
            self.wrong.append(what)


class Bench:
    """A tiny model in a folder, and runs of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        with quiet():
            self.model = str(tiny_model_folder(folder / "model"))
        self.runs = folder / "runs"
        self.known: dict[str, np.ndarray[Any, Any]] = {}

    def train(self, name: str, **settings: Any) -> nbtune.Run:
        usual = {"model": self.model, "learning_rate": 1e-3, "test_size": 0, "baseline": False}
        return nbtune.finetune(ROWS, name, runs_dir=self.runs, display="none", **usual | settings)

    def resume(self, name: str) -> nbtune.Run:
        return nbtune.resume(name, runs_dir=self.runs, display="none")

    def load(self, name: str) -> nbtune.Run:
        return nbtune.load(name, runs_dir=self.runs)

    def whole(self, **settings: Any) -> np.ndarray[Any, Any]:
        """What the run predicts that nothing happens to."""
        key = repr(sorted(settings.items()))
        if key not in self.known:
            run = self.train(f"whole_{len(self.known)}", **settings)
            self.known[key] = run.predict_proba(TEXTS)
        return self.known[key]

    def is_whole(self, run: nbtune.Run, **settings: Any) -> bool:
        return np.array_equal(run.predict_proba(TEXTS), self.whole(**settings))


def kill(bench: Bench, times: int) -> Tally:
    """Kill -9 at random moments of runs that save after every step."""
    settings = LONG | {"save_interval_seconds": 1e-9}
    tally, name, lives = Tally(), "killed_0", 0
    bench.whole(**settings)
    for _ in range(times):
        child = os.fork()
        if not child:
            _live(bench, name, settings)
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


def _live(bench: Bench, name: str, settings: dict[str, Any]) -> None:
    """Train in a child until it is killed, or done."""
    try:
        bench.train(name, **settings)
    finally:
        os._exit(0)


def _has_saved(run: nbtune.Run) -> bool:
    return any(type(event).__name__ == "CheckpointSaved" for _, event in run.events)


def interrupt(bench: Bench, times: int) -> Tally:
    """Interrupt at random moments, one to three times: a usable run and a clean session."""
    settings = LONG | {"save_interval_seconds": 0.05}
    tally, name = Tally(), "cut_0"
    bench.whole(**settings)
    for turn in range(times):
        presses = turn % 3 + 1
        with _pressing(bench.rng, presses), suppress(KeyboardInterrupt):
            bench.train(name, **settings)
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
        at_work.clear()
        thread.join()
    except KeyboardInterrupt:  # it came on the way out
        at_work.clear()
        thread.join()


def _unclean() -> list[str]:
    found = []
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        found.append("Interrupt is not as it was")
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        found.append("SIGTERM is not as it was")
    if not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
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
            _live(bench, name, LONG)
        history = bench.runs / f"{name}@1" / "history.jsonl"
        while not (history.is_file() and "StepsDone" in history.read_text()):
            time.sleep(0.01)
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


OPERATIONS = ((os, "fsync"), (os, "rename"), (os, "replace"), (os, "mkdir"), (os, "open"))


def operation(bench: Bench, times: int) -> Tally:
    """Fail, or die at, the n-th operation of a save on files, for every n."""
    tally = Tally()
    folder = bench.folder / "operations"
    for error in (OSError(28, "No space left on device"), OSError(5, "Input/output error"), None):
        for module, call in OPERATIONS:
            for n in range(times):
                shutil.rmtree(folder, ignore_errors=True)
                store = CheckpointStore(folder)
                store.save(1, lambda place: (place / "a.bin").write_bytes(b"x" * 100_000))
                calls = _save_until(store, module, call, n, error)
                found, passed_over = store.newest()
                well = found is not None and not passed_over
                tally.note(well, f"{call} {n}, {error}: {found}, {passed_over}")
                if calls <= n:
                    break
    return tally


def _save_until(store: CheckpointStore, module: Any, call: str, n: int, error: Any) -> int:
    """Save in a child whose n-th such call fails or ends it; returns how many there were."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        with os.fdopen(reader) as answers:
            count = len(answers.read())
        os.waitpid(child, 0)
        return count
    real, count = getattr(module, call), iter(range(10_000))

    def failing(*args: Any, **others: Any) -> Any:
        os.write(writer, b".")
        if next(count) == n:
            if error is None:
                os._exit(1)
            raise error
        return real(*args, **others)

    try:
        with patch.object(module, call, failing):
            store.save(2, lambda place: (place / "a.bin").write_bytes(b"y" * 100_000))
    finally:
        os._exit(0)


def damage(bench: Bench, times: int) -> Tally:
    """Cut, empty, remove or flip a bit of each file of a checkpoint; the one before is used."""
    tally = Tally()
    run = bench.train("damaged", **SHORT)
    good = run.folder.last.newest()[0]
    files = sorted(p.name for p in good.path.iterdir())
    for file in files:
        for harm in ("missing", "empty", "half", "bit")[:times]:
            place = bench.folder / "damaged"
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(good.path, place / "step-00000011")
            shutil.copytree(good.path, place / "step-00000012")
            hurt = place / "step-00000012" / file
            content = hurt.read_bytes()
            where = bench.rng.randrange(len(content))
            flipped = bytes([content[where] ^ 1 << bench.rng.randrange(8)])
            if harm == "missing":
                hurt.unlink()
            else:
                cut = {"empty": b"", "half": content[: len(content) // 2]}
                hurt.write_bytes(cut.get(harm, content[:where] + flipped + content[where + 1 :]))
            found, passed_over = CheckpointStore(place).newest()
            well = found is not None and found.path.name == "step-00000011" and passed_over
            tally.note(bool(well), f"{file} {harm}: {found}, {passed_over}")
    return tally


def memory(bench: Bench, times: int) -> Tally:
    """Run out of memory in the forward pass, the backward pass or the step of each step."""
    tally = Tally()
    settings = SHORT | {"dropout": 0.0}  # micro-batches of other sizes would draw otherwise
    with patch("nbtune.engine.reporting.REPORT_SECONDS", 0.0):
        expected = _losses(bench.train("roomy", **settings))
        for place in ("forward", "backward", "step"):
            for n in range(min(times, 12)):
                name = f"tight_{place}_{n}"
                with _running_out(place, n):
                    run = bench.train(name, **settings)
                found = _losses(run)
                apart = max(abs(found[step] - loss) for step, loss in expected.items())
                told = any("memory" in e.text for _, e in run.events if isinstance(e, Notice))
                well = run.status == "finished" and found.keys() == expected.keys()
                tally.note(well and told and apart < 1e-5, f"{name}: {run.status}, {apart}")
    return tally


def _losses(run: nbtune.Run) -> dict[int, float]:
    kept = as_it_stands(run.events)
    return {event.step: event.loss for _, event in kept if isinstance(event, StepsDone)}


@contextmanager
def _running_out(place: str, n: int) -> Iterator[None]:
    count = iter(range(10_000))

    def then_fail(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **others: Any) -> Any:
            found = real(*args, **others)
            if next(count) == n:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return found

        return call

    targets = {
        "forward": (Stepper, "_gradients"),
        "backward": (torch.autograd, "backward"),
        "step": (torch.optim.AdamW, "step"),
    }
    owner, name = targets[place]
    with patch.object(owner, name, then_fail(getattr(owner, name))):
        yield


def bad_number(bench: Bench, times: int) -> Tally:
    """NaN or infinity in the loss or a gradient of each step: left out, and named with its rows."""
    tally = Tally()
    for bad in (float("nan"), float("inf")):
        for place in ("loss", "gradient"):
            for n in range(min(times, 12)):
                name = f"bad_{bad}_{place}_{n}".replace(".", "_")
                with _poisoned(bad, place, n):
                    run = bench.train(name, **SHORT)
                told = [e.text for _, e in run.events if isinstance(e, Notice)]
                words = f"step {n + 1} was left out: its {place} is not finite (rows "
                well = run.status == "finished" and sum(t.startswith(words) for t in told) == 1
                finite = all(bool(torch.isfinite(p).all()) for p in run.model.parameters())
                tally.note(well and finite, f"{name}: {run.status}, {told}")
    return tally


@contextmanager
def _poisoned(bad: float, place: str, n: int) -> Iterator[None]:
    real, count = Stepper._gradients, iter(range(10_000))

    def gradients(self: Stepper, *args: Any) -> Any:
        seen = real(self, *args)
        if next(count) == n:
            if place == "loss":
                seen.loss.fill_(bad)
            else:
                self.parameters[3].grad.view(-1)[0] = bad  # type: ignore[union-attr]
        return seen

    with patch.object(Stepper, "_gradients", gradients):
        yield


def any_stop(bench: Bench, times: int) -> Tally:
    """Stop after random steps, with every method, accumulation and dropout; and go on."""
    tally, rng = Tally(), bench.rng
    for n in range(times):
        settings = {
            "method": sorted(method_names())[n % len(method_names())],
            "max_steps": 9,
            "eval_steps": rng.randint(1, 5),
            "per_device_train_batch_size": rng.choice([4, 7, 16]),
            "gradient_accumulation_steps": rng.randint(1, 3),
            "attention_dropout": rng.choice([0.0, 0.1]),
            "batching": rng.choice(["packed", "padded"]),
            "seed": rng.randint(0, 99),
        }
        stops = set(rng.sample(range(1, 9), rng.randint(1, 4)))
        name = f"stopped_{n}"
        with _acting({step: lambda: nbtune.control().stop() for step in stops}):
            run = bench.train(name, **settings)
            while run.status == "paused":
                run = bench.resume(name)
        tally.note(bench.is_whole(run, **settings), f"{name}: {settings}, {stops}")
    return tally


def steer(bench: Bench, times: int) -> Tally:
    """Ask random things at random steps, kill or stop in between, and replay the events."""
    tally, rng = Tally(), bench.rng
    for n in range(times):
        wishes: dict[int, Callable[[], Any]] = {}
        for step in sorted(rng.sample(range(1, 12), 4)):
            change = rng.choice(
                [
                    {"learning_rate": rng.uniform(1e-4, 3e-3)},
                    {"num_train_epochs": rng.randint(2, 4)},
                    {"eval_steps": rng.randint(1, 6)},
                    {"early_stopping_patience": rng.randint(5, 9)},
                ]
            )
            wishes[step] = lambda change=change: nbtune.control().change(**change)
        wishes[rng.randint(1, 11)] = lambda: (nbtune.control().evaluate(), nbtune.control().stop())
        name = f"steered_{n}"
        with _acting(wishes):
            run = bench.train(name, **SHORT)
            while run.status == "paused":
                run = bench.resume(name)
        again = nbtune.replay(run, runs_dir=bench.runs, display="none")
        same = np.array_equal(again.predict_proba(TEXTS), run.predict_proba(TEXTS))
        tally.note(same and _course(again) == _course(run), f"{name}: {_course(run)}")
    return tally


def _course(run: nbtune.Run) -> list[Controlled]:
    kept = as_it_stands(run.events)
    return [e for _, e in kept if isinstance(e, Controlled) and e.shapes_course]


@contextmanager
def _acting(wishes: dict[int, Callable[[], Any]]) -> Iterator[None]:
    """Do something, once, when these steps have been made."""
    waiting = dict(wishes)

    class View:
        def __call__(self, event: Any) -> None:
            if isinstance(event, StepsDone) and event.step in waiting:
                waiting.pop(event.step)()

        def close(self, *, tables: bool = True) -> None:
            pass

    with (
        patch("nbtune.engine.reporting.REPORT_SECONDS", 0.0),
        patch("nbtune.panels.display.open_view", lambda *_: View()),
    ):
        yield


def disk(bench: Bench, times: int) -> Tally:
    """Train on disks of many sizes, full from the start to just enough; then make room."""
    tally, place = Tally(), bench.folder / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        return tally
    try:
        for n in range(times):
            size = 4 * 2 ** (12 * n // max(1, times - 1))  # 4 kB to 16 MB
            name = f"full_{n}"
            _remount(place, f"size={size}k")
            settings = {"runs_dir": place, "display": "none", "model": bench.model, **SHORT}
            settings |= {"learning_rate": 1e-3, "test_size": 0, "baseline": False}
            try:
                nbtune.finetune(ROWS, name, **settings)
                said = True
            except nbtune.RunError as error:
                said = bool(error.hint)
            except Exception as error:  # noqa: BLE001
                tally.note(False, f"{size} kB: {error!r}")
                continue
            left = [p.name for p in place.rglob("*stage*")]
            _remount(place, "size=64m")
            run = nbtune.finetune(ROWS, name, **settings)
            same = np.array_equal(run.predict_proba(TEXTS), bench.whole(**SHORT))
            tally.note(said and same and not left, f"{size} kB: {run.status}, {same}, {left}")
            shutil.rmtree(run.folder.path)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S607
    return tally


def _remount(place: Path, options: str) -> None:
    command = ["mount", "-o", f"remount,{options}", str(place)]
    subprocess.run(command, check=True)


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


FAULTS: dict[str, tuple[Callable[[Bench, int], Tally], int, int]] = {
    "kill": (kill, 200, 4),
    "interrupt": (interrupt, 200, 6),
    "terminate": (terminate, 30, 1),
    "operation": (operation, 100, 2),
    "damage": (damage, 4, 1),
    "disk": (disk, 25, 2),
    "memory": (memory, 12, 1),
    "bad-number": (bad_number, 12, 1),
    "any-stop": (any_stop, 60, 2),
    "steer": (steer, 40, 1),
    "rerun": (rerun, 30, 4),
}
"""What to do, how often, and how often with ``--quick``."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(FAULTS), action="append", help="one of the faults")
    parser.add_argument("--times", type=int, help="so often, instead of the usual number")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--quick", action="store_true", help="a few times each, to see it work")
    options = parser.parse_args()
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    rows, failed = [], False
    for name in options.only or FAULTS:
        act, many, few = FAULTS[name]
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            tally = act(
                Bench(Path(folder), options.seed), options.times or (few if options.quick else many)
            )
        what = act.__doc__.strip().partition("\n")[0].rstrip(".")
        rows.append([what, f"{tally.good}/{tally.tried}", f"{time.monotonic() - began:.0f} s"])
        failed = failed or tally.good < tally.tried
        print(f"{name}: {rows[-1][1]} in {rows[-1][2]}", *tally.wrong[:10], sep="\n  ", flush=True)
    print(f"\n{machine('torch', 'transformers')}\n")
    print(table(["fault", "went well", "took"], rows))
    sys.exit(failed)


if __name__ == "__main__":
    main()
