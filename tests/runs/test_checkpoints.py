import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors import SafetensorError

from nbtune.errors import CheckpointError
from nbtune.runs import CheckpointStore
from nbtune.runs.checkpoints import verify


def write(text):
    def into(folder: Path) -> None:
        (folder / "a.bin").write_bytes(text * 100)
        (folder / "b.json").write_text("{}")

    return into


def refused(*_):
    raise OSError(1, "Operation not permitted")


def test_a_saved_checkpoint_is_found_again(tmp_path):
    store = CheckpointStore(tmp_path)
    store.save(3, write(b"x"))
    found, passed_over = store.newest()
    assert (found.step, passed_over) == (3, [])
    assert (found.path / "a.bin").read_bytes() == b"x" * 100


def test_only_the_newest_are_kept(tmp_path):
    store = CheckpointStore(tmp_path, keep=2)
    for step in (1, 2, 10):
        store.save(step, write(b"x"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000002", "step-00000010"]


def test_the_same_step_can_be_saved_again(tmp_path):
    store = CheckpointStore(tmp_path)
    store.save(1, write(b"x"))
    store.save(1, write(b"y"))
    assert (store.newest()[0].path / "a.bin").read_bytes() == b"y" * 100


def test_a_step_saved_again_is_never_without_a_checkpoint(tmp_path, monkeypatch):
    """However often: the new one is in place before the old one goes."""
    store = CheckpointStore(tmp_path)
    for text in (b"a", b"b", b"c"):
        store.save(7, write(text))
    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(CheckpointError, match="not permitted"):
        store.save(7, write(b"d"))
    assert (store.newest()[0].path / "a.bin").read_bytes() == b"c" * 100
    assert len(list(tmp_path.iterdir())) == 1


def test_going_on_from_an_earlier_step_forgets_the_later_ones(tmp_path):
    store = CheckpointStore(tmp_path)
    (store.save(40, write(b"x")).path / "a.bin").unlink()
    store.save(10, write(b"y"))
    assert store.newest()[0].step == 10
    assert [place.name for place in tmp_path.iterdir()] == ["step-00000010"]


@pytest.mark.parametrize("kind", [RuntimeError, SafetensorError, KeyError])
def test_whatever_ends_a_save_is_told_as_a_failed_checkpoint(tmp_path, kind):
    def fail(folder: Path) -> None:
        raise kind("I/O error: No space left on device")

    with pytest.raises(CheckpointError, match="step 3 could not be saved"):
        CheckpointStore(tmp_path).save(3, fail)


def test_an_interrupted_save_leaves_no_debris(tmp_path):
    def interrupted(folder: Path) -> None:
        (folder / "a.bin").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CheckpointStore(tmp_path).save(1, interrupted)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.bin", "b.json", "manifest.json"])
@pytest.mark.parametrize("harm", ["missing", "empty", "half", "bit"])
def test_a_damaged_checkpoint_is_passed_over_and_named(tmp_path, name, harm):
    store = CheckpointStore(tmp_path, keep=2)
    store.save(1, write(b"x"))
    file = store.save(2, write(b"y")).path / name
    content = file.read_bytes()
    if harm == "missing":
        file.unlink()
    elif harm == "bit":
        file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    else:
        file.write_bytes(b"" if harm == "empty" else content[: len(content) // 2])
    found, passed_over = store.newest()
    assert found.step == 1
    assert "step-00000002" in passed_over[0]


def test_a_failed_save_leaves_the_old_checkpoint_and_no_debris(tmp_path):
    store = CheckpointStore(tmp_path)
    store.save(1, write(b"x"))

    def full(folder: Path) -> None:
        (folder / "a.bin").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointError, match="No space left"):
        store.save(2, full)
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_an_error_in_any_file_operation_keeps_a_valid_checkpoint(tmp_path, monkeypatch, call):
    """Fail the n-th operation, for every n until a save goes through."""
    store = CheckpointStore(tmp_path)
    store.save(1, write(b"x"))
    real = {"fsync": os.fsync, "rename": Path.rename}[call]
    for n in range(20):
        calls = iter(range(100))

        def failing(*args, _calls=calls, _n=n):
            if next(_calls) == _n:
                raise OSError(5, "Input/output error")
            return real(*args)

        monkeypatch.setattr(os if call == "fsync" else Path, call, failing)
        try:
            store.save(n + 2, write(b"y"))
            failed = False
        except CheckpointError:
            failed = True
        monkeypatch.undo()
        assert store.newest()[0] is not None
        if not failed and next(calls) <= n:
            return
    raise AssertionError("no save went through")


KILLED = """
import sys
from pathlib import Path
from nbtune.runs import CheckpointStore
store = CheckpointStore(Path(sys.argv[1]))
def write(folder):
    for i in range(8):
        (folder / f"{i}.bin").write_bytes(bytes(200_000))
step = store.newest()[0].step if store.newest()[0] else 0
print("ready", flush=True)
while True:
    step += 1
    store.save(step, write)
"""


def test_kill_9_in_a_save_always_leaves_a_valid_checkpoint(tmp_path):
    CheckpointStore(tmp_path).save(1, write(b"x"))
    for attempt in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.02 + 0.013 * attempt)
        child.kill()
        child.wait()
        found, _ = CheckpointStore(tmp_path).newest()
        assert found is not None
        assert verify(found.path).step == found.step
