"""What happens to files: operations that fail, damage, full and read-only disks, other recipes."""

from __future__ import annotations

import gc
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fault_bench import SHORT, TEXTS, Bench, Tally, acting

import nbtune
from nbtune.events import Notice
from nbtune.runs import CheckpointStore

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
    """Cut, empty, remove or flip a bit of files of the newest checkpoint: the one before serves."""
    tally, settings = Tally(), SHORT | {"save_interval_seconds": 1e-9}
    cut = _cut(bench, "spoilt", **settings)
    files = sorted(p.name for p in cut.folder.last.newest()[0].path.iterdir())
    with _kept(cut.folder.path) as put_back:
        for file in files:
            for harm in ("missing", "empty", "half", "bit")[:times]:
                put_back()
                _harm(cut.folder.last.newest()[0].path / file, harm, bench.rng)
                run = bench.resume("spoilt")
                told = any("passed over a checkpoint" in text for text in _told(run))
                well = told and bench.is_whole(run, **settings)
                tally.note(well, f"{file} {harm}: {run.status}, {told}")
    return tally


OTHERS = (
    "optim: sgd",
    "seed: 43",
    "method: head",
    "method: lora",
    "per_device_train_batch_size: 8",
    "gradient_accumulation_steps: 2",
)


def other_recipe(bench: Bench, times: int) -> Tally:
    """Go on under a recipe that the checkpoint was not made for: refused, nothing is changed."""
    tally = Tally()
    cut = _cut(bench, "edited", **SHORT)
    recipe = cut.folder.recipe_text
    for line in OTHERS[:times]:
        before = _contents(cut.folder.path / "checkpoints")
        (cut.folder.path / "recipe.yaml").write_text(f"{recipe}\n{line}\n")
        try:
            bench.resume("edited")
            refused = False
        except nbtune.RunError as error:
            refused = bool(error.hint)
        (cut.folder.path / "recipe.yaml").write_text(recipe)
        same = _contents(cut.folder.path / "checkpoints") == before
        tally.note(refused and same, f"{line}: refused {refused}, unchanged {same}")
    tally.note(bench.is_whole(bench.resume("edited"), **SHORT), "other predictions afterwards")
    return tally


def read_only(bench: Bench, times: int) -> Tally:
    """A disk becomes read-only: its runs are read, not trained, and go on when it is mended."""
    tally = Tally()
    with _disk(bench, "size=64m") as place:
        for n in range(times):
            name = f"locked_{n}"
            cut = _cut(bench, name, after=n % 11 + 1, runs_dir=place, **SHORT)
            _remount(place, "ro")
            said = _refused(lambda name=name: _resume(name, place))
            answers = nbtune.load(name, runs_dir=place).predict(TEXTS)
            _remount(place, "rw")
            same = bench.is_whole(_resume(name, place), **SHORT)
            well = said and len(answers) == len(TEXTS) and same
            tally.note(well, f"{name}: refused {said}, {len(answers)} answers, whole {same}")
            shutil.rmtree(cut.folder.path)
    return tally


def disk(bench: Bench, times: int) -> Tally:
    """Train on disks of many sizes, full from the start to just enough; then make room."""
    tally = Tally()
    with _disk(bench, "size=4k") as place:
        for n in range(times):
            size = 4 * 2 ** (12 * n // max(1, times - 1))  # 4 kB to 16 MB
            name = f"full_{n}"
            _remount(place, f"size={size}k")
            try:
                bench.train(name, runs_dir=place, **SHORT)
                said = True
            except nbtune.RunError as error:
                said = bool(error.hint)
            except Exception as error:  # noqa: BLE001
                tally.note(False, f"{size} kB: {error!r}")
                continue
            left = [p.name for p in place.rglob("*stage*")]
            _remount(place, "size=64m")
            run = bench.train(name, runs_dir=place, **SHORT)
            same = bench.is_whole(run, **SHORT)
            tally.note(said and same and not left, f"{size} kB: {run.status}, {same}, {left}")
            shutil.rmtree(run.folder.path)
    return tally


def _cut(bench: Bench, name: str, after: int = 7, **settings: Any) -> nbtune.Run:
    """Train a run and stop it after some steps."""
    with acting({after: lambda: nbtune.control().stop()}):
        return bench.train(name, **settings)


def _resume(name: str, place: Path) -> nbtune.Run:
    return nbtune.resume(name, runs_dir=place, display="none")


def _refused(act: Callable[[], Any]) -> bool:
    try:
        act()
    except nbtune.RunError as error:
        return bool(error.problem)
    return False


def _told(run: nbtune.Run) -> list[str]:
    return [event.text for _, event in run.events if isinstance(event, Notice)]


def _contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@contextmanager
def _kept(folder: Path) -> Iterator[Callable[[], None]]:
    """Keep a folder as it is now; what is given puts it back."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(shutil.copytree(folder, Path(place) / "copy"))

        def put_back() -> None:
            shutil.rmtree(folder)
            shutil.copytree(copy, folder)

        yield put_back


def _harm(file: Path, harm: str, rng: random.Random) -> None:
    content = file.read_bytes()
    where = rng.randrange(len(content))
    flipped = bytes([content[where] ^ 1 << rng.randrange(8)])
    if harm == "missing":
        file.unlink()
    else:
        cut = {"empty": b"", "half": content[: len(content) // 2]}
        file.write_bytes(cut.get(harm, content[:where] + flipped + content[where + 1 :]))


@contextmanager
def _disk(bench: Bench, options: str) -> Iterator[Path]:
    """Mount a disk of its own, in memory, which takes the right to do so."""
    place = bench.folder / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)  # noqa: S607
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S607


def _remount(place: Path, options: str) -> None:
    gc.collect()  # files that were removed and are still mapped take room, and keep a disk busy
    command = ["mount", "-o", f"remount,{options}", str(place)]
    subprocess.run(command, check=True)
