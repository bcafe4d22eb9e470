import os
import threading
from contextlib import ExitStack

import pytest
from filelock import FileLock

from nbtune.errors import RunError
from nbtune.events import Notice, PhaseStarted, RunStarted, RunStopped, StepsDone
from nbtune.runs import RunFolder, RunStore

STARTED = RunStarted(
    0, 10, 5, "text-classification", "minilm", "full", 9, 9, "cpu", "fp32", "packed", "f1_macro"
)


def made(store: RunStore, name: str) -> RunFolder:
    run = store.create(name)
    run.describe({"created": run.version, "labels": ["a", "b"]}, "seed: 1\n")
    return run


def test_versions_count_up_and_the_last_is_found_by_name(tmp_path):
    store = RunStore(tmp_path)
    assert [made(store, "spam").title for _ in range(3)] == ["spam@1", "spam@2", "spam@3"]
    assert store.get("spam").version == 3
    assert store.get("spam@1").version == 1


def test_another_store_reads_what_one_wrote(tmp_path):
    run = made(RunStore(tmp_path), "spam")
    run.append(PhaseStarted("training"))
    again = RunStore(tmp_path).get("spam")
    assert again.recipe_text == "seed: 1\n"
    assert [event for _, event in again.history()] == [PhaseStarted("training")]


def test_runs_are_listed_by_pattern(tmp_path):
    store = RunStore(tmp_path)
    for name in ("spam", "spam_lr", "news"):
        made(store, name)
    assert {run.name for run in store.folders("spam*")} == {"spam", "spam_lr"}


def test_an_unknown_run_gets_a_suggestion(tmp_path):
    store = RunStore(tmp_path)
    made(store, "spam")
    with pytest.raises(RunError, match="did you mean 'spam'"):
        store.get("spma")


def test_a_saved_model_that_is_taken_for_a_run_says_what_to_do_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "config.json").write_text("{}")
    with pytest.raises(RunError, match=r"model: \./kept"):
        RunStore().get("kept")


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".x", "a b", "x" * 65, "spam@2", "1st"])
def test_names_that_could_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(RunError, match="not a name for a run"):
        RunStore(tmp_path).create(name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="cannot write runs"):
        RunStore(tmp_path / "runs").create("spam")


def test_a_file_in_the_way_is_an_error(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match="cannot write runs"):
        RunStore(tmp_path / "runs").create("spam")


def test_status_follows_the_history(tmp_path):
    run = made(RunStore(tmp_path), "spam")
    assert run.status() == "interrupted"
    run.append(STARTED)
    assert run.status() == "interrupted"
    run.append(RunStopped(4, "interrupted", 4))
    assert run.status() == "paused"
    run.append(STARTED)
    assert run.status() == "interrupted", "it was resumed, and killed"
    run.append(RunStopped(10, "finished", 10))
    assert run.status() == "finished"
    with run.hold():
        assert run.status() == "running"


def test_a_run_is_trained_by_one_kernel_at_a_time(tmp_path):
    run = made(RunStore(tmp_path), "spam")
    with run.hold(), pytest.raises(RunError, match="being trained already"), run.hold():
        pass


def test_a_cut_last_line_and_unknown_events_are_passed_over(tmp_path):
    run = made(RunStore(tmp_path), "spam")
    run.append(Notice("nan"))
    run.append(StepsDone(1, 0.1, float("nan"), 1e-3, 1.0, 8, 80, 0.1, 0))
    with (run.path / "history.jsonl").open("a") as stream:
        stream.write('{"event": "FromTheFuture", "time": 1}\n{"event": "Notice", "ti')
    first, second = (event for _, event in run.history())
    assert first == Notice("nan")
    assert second.loss != second.loss


def test_an_event_after_a_cut_line_is_not_lost_with_it(tmp_path):
    run = made(RunStore(tmp_path), "spam")
    with (run.path / "history.jsonl").open("a") as stream:
        stream.write('{"event": "Notice", "ti')
    run.append(STARTED)
    run.append(Notice("and on"))
    assert [event for _, event in run.history()] == [STARTED, Notice("and on")]


def test_one_that_only_looks_does_not_keep_another_from_training(tmp_path):
    run = made(RunStore(tmp_path), "spam")
    with ExitStack() as looking:
        looking.enter_context(run.hold())
        threading.Timer(0.05, looking.close).start()
        with run.hold(patience=10):
            assert run.status() == "running"


def test_a_run_where_nothing_can_be_written_is_not_busy(tmp_path, monkeypatch):
    run = made(RunStore(tmp_path), "spam")
    run.append(RunStopped(10, "finished", 10))

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert run.status() == "finished"
