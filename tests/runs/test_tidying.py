import pytest

from nbtune.errors import RunError
from nbtune.events import RunStopped
from nbtune.runs import RunStore, tidying
from nbtune.runs.files import write_json


@pytest.fixture
def store(tmp_path):
    store = RunStore(tmp_path)
    for name in ("spam", "spam", "topics"):
        run = store.create(name)
        write_json(run.path / "run.json", {"created": 1})
        run.append(RunStopped(3, "finished", 3))
        run.model_path.mkdir()
        (run.path / "checkpoints").mkdir()
        (run.path / "checkpoints" / "state").write_text("12345")
    return store


def titles(store):
    return sorted(run.title for run in store.folders())


def test_a_deleted_run_is_gone_from_every_list_and_comes_back_as_it_was(store):
    tidying.describe(store.get("spam@1"), note="the first")
    tidying.delete(store, store.get("spam@1"))
    assert titles(store) == ["spam@2", "topics@1"]
    assert [run.title for run in tidying.restore(store, "spam")] == ["spam@1"]
    assert tidying.words_of(store.get("spam@1"))["note"] == "the first"


def test_a_run_whose_title_was_taken_meanwhile_comes_back_as_the_next_version(store):
    tidying.delete(store, store.get("spam@2"))
    write_json(store.create("spam").path / "run.json", {})
    assert [run.title for run in tidying.restore(store)] == ["spam@3"]


def test_purged_runs_are_gone_for_good(store):
    tidying.delete(store, store.get("topics"))
    assert tidying.purge(store) > 5
    with pytest.raises(RunError, match="no deleted run fits"):
        tidying.restore(store)


def test_a_renamed_run_is_the_next_version_of_its_name(store):
    assert tidying.rename(store, store.get("topics"), "spam").title == "spam@3"
    assert tidying.rename(store, store.get("spam@1"), "mails").title == "mails@1"
    with pytest.raises(RunError, match="not a name"):
        tidying.rename(store, store.get("mails"), "../mails")


def test_a_finished_run_can_do_without_its_checkpoints(store):
    run = store.get("topics")
    assert tidying.free(run) == 5
    assert run.model_path.is_dir()
    run.append(RunStopped(3, "interrupted", 3))
    with pytest.raises(RunError, match="goes on from its checkpoints"):
        tidying.free(run)


def test_a_run_that_trains_is_left_alone(store):
    run = store.get("topics")
    with run.hold():
        for change in (tidying.delete, lambda s, r: tidying.rename(s, r, "x")):
            with pytest.raises(RunError, match="being trained"):
                change(store, run)
    assert "topics@1" in titles(store)


def test_notes_and_tags_stay_until_they_are_replaced(store):
    run = store.get("topics")
    tidying.describe(run, note=" good <b> ", tags=["b", "a", "a", ""])
    tidying.describe(run, tags=["c"])
    assert tidying.words_of(run) == {"note": "good <b>", "tags": ["c"]}
    with pytest.raises(RunError, match="characters"):
        tidying.describe(run, note="x" * 1001)
