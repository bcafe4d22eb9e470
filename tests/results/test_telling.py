"""What a run says of the disk it is written to."""

import errno

import pytest

from nbtune.errors import RunError
from nbtune.results.telling import room_for
from nbtune.runs import RunFolder


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        Exception("No space left on device (os error 28)"),  # as tokenizers write their files
    ],
)
def test_a_full_disk_is_said_whoever_meets_it(tmp_path, error):
    folder = RunFolder(tmp_path / "topics@1")
    with pytest.raises(RunError) as raised, room_for(folder):
        raise error
    assert raised.value.problem == f"cannot write to {folder.path}: No space left on device"
    assert raised.value.hint == "make room, then: %resume topics@1"


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOENT, "gone"), ValueError("os error"), KeyError()]
)
def test_other_errors_stay_what_they_are(tmp_path, error):
    with pytest.raises(type(error)), room_for(RunFolder(tmp_path / "topics@1")):
        raise error
