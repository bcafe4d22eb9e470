from hypothesis import given
from hypothesis import strategies as st

from nbtune.events import PhaseStarted, StepsDone
from nbtune.runs import RunStore
from nbtune.runs.following import Follower


def test_each_event_is_read_once(tmp_path):
    folder = RunStore(tmp_path).create("run")
    reader = Follower(folder)
    assert reader.new() == []
    folder.append(PhaseStarted("one"))
    folder.append(PhaseStarted("two"))
    assert [event.phase for _, event in reader.new()] == ["one", "two"]
    folder.append(PhaseStarted("three"))
    assert [event.phase for _, event in reader.new()] == ["three"]
    assert reader.new() == []


@given(cuts=st.lists(st.integers(0, 600)))
def test_however_the_file_grows_the_same_is_read(tmp_path_factory, cuts):
    folder = RunStore(tmp_path_factory.mktemp("runs")).create("run")
    for step in range(4):
        folder.append(StepsDone(step, 0.0, 1.0, 1e-5, 1.0, 8, 80, 0.1, 0))
    whole, expected = folder.history_path.read_bytes(), folder.history()
    folder.history_path.write_bytes(b"")
    reader, read = Follower(folder), []
    for cut in [*sorted(cuts), len(whole)]:
        folder.history_path.write_bytes(whole[:cut])
        read += reader.new()
    assert read == expected


def test_a_run_that_is_gone_has_no_more_to_tell(tmp_path):
    folder = RunStore(tmp_path).create("run")
    reader = Follower(folder)
    folder.path.rename(tmp_path / "elsewhere")
    assert reader.new() == []
