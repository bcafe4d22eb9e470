"""What goes wrong around a run: disks, folders, checkpoints, other kernels, a process that ends."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import nbtune
from nbtune.errors import RunError
from nbtune.events import CheckpointSaved, Notice, PhaseStarted, RunStopped, StepsDone
from nbtune.runs import RunFolder, RunStore
from nbtune.testing import tiny_model_folder, topic_rows

pytestmark = pytest.mark.usefixtures("own_folder")

ROWS = topic_rows(90)
RECIPE = {
    "model": "scratch-transformer",
    "num_train_epochs": 2,
    "test_size": 0,
    "learning_rate": 1e-3,
    "baseline": False,
}
TEXTS = list(ROWS["text"][:5])


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    """What the run predicts when nothing happens to it."""
    place = tmp_path_factory.mktemp("whole")
    run = nbtune.finetune(ROWS, "whole", runs_dir=place, display="none", **RECIPE)
    return run.predict_proba(TEXTS)


@contextmanager
def mounted(place, options):
    """Mount a small file system in memory; skips where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.name == "nt" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here; faults of files are tried in tests/runs")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def shown(monkeypatch):
    """Call something with each event that is shown."""

    def listen(act):
        class View:
            def __call__(self, event):
                act(event)

            def close(self, *, tables=True):
                pass

        monkeypatch.setattr("nbtune.panels.display.open_view", lambda *_: View())

    return listen


def test_a_disk_too_small_for_the_rows_is_said_and_leaves_nothing(tmp_path):
    place = tmp_path / "runs"
    place.mkdir()
    with mounted(place, "size=4k"), pytest.raises(RunError) as raised:
        nbtune.finetune(ROWS, "cut", runs_dir=place, **RECIPE)
    assert "cannot write runs to" in raised.value.problem
    assert "make room" in raised.value.hint
    assert list(place.iterdir()) == []


def test_a_disk_that_is_full_while_it_trains_costs_the_checkpoints_only(tmp_path, uncut):
    """Room for the rows and tokens, and for no checkpoint; then there is room, and it goes on."""
    place = tmp_path / "runs"
    place.mkdir()
    with mounted(place, "size=300k"):
        with pytest.raises(RunError, match="could not be saved") as raised:
            nbtune.finetune(ROWS, "cut", runs_dir=place, **RECIPE)
        assert "%resume cut@1" in raised.value.hint
        run = nbtune.load("cut", runs_dir=place)
        assert run.status == "failed"
        told = [event.text for _, event in run.events if isinstance(event, Notice)]
        assert any("could not be saved" in text for text in told)
        assert not list(place.rglob("*stage*"))
        subprocess.run(["mount", "-o", "remount,size=300m", str(place)], check=True)
        resumed = nbtune.resume("cut", runs_dir=place)
        assert resumed.status == "finished"
        assert np.array_equal(resumed.predict_proba(TEXTS), uncut)


def test_a_folder_that_cannot_be_written_is_refused_before_a_model_is_loaded(tmp_path, shown):
    place, phases = tmp_path / "runs", []
    place.mkdir()
    shown(lambda event: phases.append(event) if isinstance(event, PhaseStarted) else None)
    with mounted(place, "size=1m,ro"), pytest.raises(RunError) as raised:
        nbtune.finetune(ROWS, "cut", runs_dir=place, **RECIPE)
    assert "Read-only file system" in raised.value.problem
    assert phases == [PhaseStarted("reading data")]


def test_a_run_on_a_disk_that_became_read_only_is_read_and_not_trained(tmp_path, shown):
    place = tmp_path / "runs"
    place.mkdir()
    with mounted(place, "size=300m"):
        shown(lambda event: nbtune.control().stop() if isinstance(event, CheckpointSaved) else None)
        assert nbtune.finetune(ROWS, "cut", runs_dir=place, **RECIPE).status == "paused"
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        run = nbtune.load("cut", runs_dir=place)
        assert run.status == "paused"
        assert run.predict(TEXTS).shape == (5,)
        assert nbtune.list_runs(runs_dir=place)[0].run == "cut@1"
        with pytest.raises(RunError, match=r"cannot write to .*Read-only"):
            nbtune.resume("cut", runs_dir=place)


def paused_after_a_checkpoint(shown, **settings):
    shown(lambda event: nbtune.control().stop() if isinstance(event, CheckpointSaved) else None)
    run = nbtune.finetune(ROWS, "cut", **RECIPE | settings)
    shown(lambda event: None)
    assert run.status == "paused"
    return run.folder


def all_bytes(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def spoil(place):
    weights = next(place.glob("model*"))
    weights.write_bytes(weights.read_bytes()[:-9])


def test_a_spoiled_checkpoint_costs_the_steps_since_the_one_before(shown, uncut):
    """On resuming, the older one is taken up and the steps after it are made again."""
    saved = []

    def stop_at_the_third(event):
        if isinstance(event, CheckpointSaved):
            saved.append(event.step)
            if len(saved) == 3:
                nbtune.control().stop()

    shown(stop_at_the_third)
    folder = nbtune.finetune(ROWS, "cut", save_interval_seconds=1e-9, **RECIPE).folder
    newest, older = sorted(folder.last.folder.glob("step-*"), reverse=True)
    spoil(newest)
    resumed = nbtune.resume("cut")
    told = [event.text for _, event in resumed.events if isinstance(event, Notice)]
    assert any(f"of {newest.name} is cut or changed" in text for text in told)
    steps = [event.step for _, event in resumed.events if isinstance(event, StepsDone)]
    assert older.name < newest.name
    assert steps.count(int(newest.name[-8:])) == 2  # it was made before, and again
    assert np.array_equal(resumed.predict_proba(TEXTS), uncut)


def test_where_no_checkpoint_is_whole_nothing_is_trained_anew_unasked(shown):
    folder = paused_after_a_checkpoint(shown)
    for place in folder.last.folder.glob("step-*"):
        spoil(place)
    before = all_bytes(folder.model_path)
    with pytest.raises(RunError, match="no checkpoint of this run is whole") as raised:
        nbtune.resume("cut")
    assert "--fresh" in raised.value.hint
    assert all_bytes(folder.model_path) == before
    assert nbtune.load("cut").predict(TEXTS).shape == (5,)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("lora: {lora_alpha: 64}", "scale of adapters was 2 and is 8"),
        ("lora: {use_rslora: true}", "scale of adapters was 2 and is 5.65685"),
    ],
)
def test_an_adapter_does_not_go_on_under_another_scale(shown, tmp_path, line, says):
    model = tiny_model_folder(tmp_path / "tiny")
    folder = paused_after_a_checkpoint(shown, model=str(model), method="lora")
    (folder.path / "recipe.yaml").write_text(f"{folder.recipe_text}\n{line}\n")
    with pytest.raises(RunError, match=says):
        nbtune.resume("cut")


def test_what_is_trained_on_a_base_does_not_go_on_upon_another(shown, tmp_path):
    model = tiny_model_folder(tmp_path / "tiny")
    paused_after_a_checkpoint(shown, model=str(model), method="lora")
    weights = model / "model.safetensors"
    tensors = load_file(weights)
    max(tensors.values(), key=Tensor.numel).flatten()[-1] += 0.1
    save_file(tensors, weights)
    with pytest.raises(RunError, match="frozen weights was"):
        nbtune.resume("cut")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("optim: sgd", "optim was adamw_torch_fused and is sgd"),
        ("seed: 43", "seed was 42 and is 43"),
        ("per_device_train_batch_size: 8", "rows_per_step was 16 and is 8"),
    ],
)
def test_a_checkpoint_that_does_not_fit_the_recipe_is_refused_and_says_why(
    shown, uncut, line, says
):
    folder = paused_after_a_checkpoint(shown)
    recipe = folder.recipe_text
    (folder.path / "recipe.yaml").write_text(f"{recipe}\n{line}\n")
    before = all_bytes(folder.path / "checkpoints") | all_bytes(folder.model_path)
    with pytest.raises(RunError) as raised:
        nbtune.resume("cut")
    assert says in raised.value.problem
    assert "put the recipe back" in raised.value.hint
    assert all_bytes(folder.path / "checkpoints") | all_bytes(folder.model_path) == before
    (folder.path / "recipe.yaml").write_text(recipe)
    assert np.array_equal(nbtune.resume("cut").predict_proba(TEXTS), uncut)


def test_a_second_kernel_is_refused_and_harms_nothing(shown, uncut):
    """The other process finds it by name and by the same cell; the first one trains on."""
    code = """
import sys, nbtune
from nbtune.testing import topic_rows
recipe = eval(sys.argv[1])
def cell():
    nbtune.finetune(topic_rows(90), "cut", **recipe)
for again in (lambda: nbtune.resume("cut"), cell):
    try:
        again()
    except nbtune.RunError as error:
        print(error.problem)
"""
    said = []

    def ask(event):
        if isinstance(event, StepsDone) and not said:
            found = subprocess.run(
                [sys.executable, "-c", code, repr(RECIPE)],
                capture_output=True,
                text=True,
                check=True,
            )
            said.extend(found.stdout.splitlines())

    shown(ask)
    run = nbtune.finetune(ROWS, "cut", **RECIPE)
    assert said == ["cut@1 is being trained already"] * 2
    assert run.status == "finished"
    assert [type(event).__name__ for _, event in run.events].count("RunStarted") == 1
    assert np.array_equal(run.predict_proba(TEXTS), uncut)


def test_the_lock_of_a_process_that_died_does_not_block(shown):
    folder = paused_after_a_checkpoint(shown)
    child = os.fork()
    if not child:
        with folder.hold():
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert (folder.path / ".lock").exists()
    assert folder.status() == "paused"
    assert nbtune.resume("cut").status == "finished"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_run_that_is_not_laid_out_whole_takes_no_number(monkeypatch, error):
    with monkeypatch.context() as patch:

        def describe(*_):
            raise error

        patch.setattr(RunFolder, "describe", describe)
        with pytest.raises((KeyboardInterrupt, RunError)):
            nbtune.finetune(ROWS, "cut", **RECIPE)
    assert list(RunStore().root.iterdir()) == []
    assert nbtune.finetune(ROWS, "cut", **RECIPE).name == "cut@1"


def test_what_a_killed_process_left_half_laid_out_is_passed_over_and_removed_in_time(tmp_path):
    store = RunStore()
    fresh, old = (store.root / f".cut-{pid}-{pid}" for pid in (1, 2))
    for left in (fresh, old):
        left.mkdir(parents=True)
    os.utime(old, (0, 0))
    assert store.create("cut").title == "cut@1"
    assert fresh.exists()
    assert not old.exists()
    assert store.folders() == []


def test_a_model_folder_given_by_a_relative_path_is_found_from_any_folder(
    tmp_path, monkeypatch, shown
):
    tiny_model_folder(tmp_path / "tiny")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("NBTUNE_RUNS", str(tmp_path / "runs"))
    for method in ("full", "lora"):
        paused_after_a_checkpoint(shown, model="./tiny", method=method)
        monkeypatch.chdir(elsewhere)
        run = nbtune.resume("cut")
        assert run.status == "finished"
        assert "model: ./tiny" in run.recipe
        assert nbtune.load("cut").predict(TEXTS).shape == (5,)
        monkeypatch.chdir(tmp_path)


def test_the_rows_of_a_bad_step_are_those_of_the_users_data(monkeypatch, shown):
    from nbtune.engine.stepping import Stepper

    real, calls = Stepper._gradients, iter(range(100))

    def gradients(self, examples, rows):
        seen = real(self, examples, rows)
        if next(calls) == 2:
            self.parameters[0].grad[0, 0] = torch.nan
            bad.extend(int(row) for row in rows)
        return seen

    bad = []
    monkeypatch.setattr(Stepper, "_gradients", gradients)
    run = nbtune.finetune(ROWS, "cut", **RECIPE)
    told = next(e.text for _, e in run.events if isinstance(e, Notice) and "left out" in e.text)
    named = [int(row) for row in re.findall(r"\d+", told.partition("(rows")[2])]
    from nbtune.jobs.folders import read_rows

    texts = list(read_rows(run.folder, "train")["text"].iloc[bad[:8]])
    assert [ROWS["text"][row] for row in named] == texts


TRAINING = """
import sys, nbtune
from nbtune.testing import topic_rows
nbtune.finetune(topic_rows(90), "cut", save_interval_seconds=0.01, **eval(sys.argv[1]))
print("went on")
"""


def test_a_process_that_is_told_to_end_saves_and_ends(tmp_path):
    recipe = {**RECIPE, "num_train_epochs": 500}
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-c", TRAINING, repr(recipe)],
        cwd=tmp_path,
        env=one_thread,
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = RunFolder(tmp_path / "nbtune-runs" / "cut@1")

    def last_step():
        return max((e.step for _, e in folder.history() if isinstance(e, StepsDone)), default=0)

    deadline = time.monotonic() + 120
    while last_step() < 3:
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGTERM)
    said, _ = child.communicate(timeout=60)
    assert (child.returncode, said) == (-signal.SIGTERM, "")
    assert folder.status() == "paused"
    stopped = folder.history()[-1][1]
    assert isinstance(stopped, RunStopped)
    assert stopped.message == "the process was told to end (SIGTERM)"
    assert folder.last.newest()[0].step == stopped.step
    assert nbtune.load("cut").predict(TEXTS).shape == (5,)
