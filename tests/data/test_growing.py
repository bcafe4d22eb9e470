import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.growing import Growing, GrowingOffsets

parts = st.lists(st.lists(st.integers(-9, 9), max_size=5), min_size=1, max_size=6)


@given(parts)
def test_what_was_added_in_parts_is_read_as_one_array(tmp_path_factory, parts):
    place = tmp_path_factory.mktemp("growing")
    arrays = [np.array(part, dtype=np.int32).reshape(-1, 1) for part in parts]
    with Growing(place / "own.npy", arrays[0]) as own, GrowingOffsets(place / "o.npy") as offsets:
        for part in arrays:
            own.add(part)
            offsets.add(np.abs(part[:, 0]))
    whole = np.concatenate(arrays)
    assert np.load(place / "own.npy", mmap_mode="r").tolist() == whole.tolist()
    ends = np.concatenate([[0], np.cumsum(np.abs(whole[:, 0]))])
    assert np.load(place / "o.npy").tolist() == ends.tolist()


def test_a_million_items_take_no_more_header_than_one(tmp_path):
    with Growing(tmp_path / "own.npy", np.empty(0, dtype=np.uint8)) as own:
        own.add(np.ones(1_000_000, dtype=np.uint8))
    assert np.load(tmp_path / "own.npy").sum() == 1_000_000


def test_numbers_that_would_be_rounded_are_not_taken(tmp_path):
    own = Growing(tmp_path / "own.npy", np.empty(0, dtype=np.int32))
    with own, pytest.raises(TypeError, match="Cannot cast"):
        own.add(np.array([0.5]))
