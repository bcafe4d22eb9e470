import numpy as np

from nbtune.data.batches import InMemory, make_batch, some
from nbtune.data.grouped import Grouped
from nbtune.data.ragged import Ragged

FLAT = InMemory(
    [[1], [2, 2], [3], [4, 4, 4], [5], [6]],
    Ragged.of([[1], [2, 2], [3], [4, 4, 4], [5], [6]], np.int32),
    rows=np.array([0, 0, 1, 1, 2, 2]),
    cut=np.array([0, 0, 0, 1, 0, 0], dtype=bool),
    beside=np.arange(6, dtype=np.float32),
)


def test_a_group_is_a_row_and_its_members_are_in_the_batch():
    pairs = Grouped(FLAT, 2)
    assert (len(pairs), pairs.lengths.tolist()) == (3, [3, 4, 2])
    assert (pairs.rows.tolist(), pairs.cut.tolist()) == ([0, 1, 2], [False, True, False])
    batch = make_batch(pairs, np.array([2, 1]), 0)
    assert batch.lengths == [1, 1, 1, 3]
    assert batch.targets[3].tolist() == [4, 4, 4]
    assert batch.beside.tolist() == [4, 5, 2, 3]


def test_some_groups_are_groups_with_what_stands_beside_them():
    part = some(Grouped(FLAT, 2), np.array([1]))
    batch = make_batch(part, np.array([0]), 0)
    assert batch.inputs["input_ids"].tolist() == [[3, 0, 0], [4, 4, 4]]
    assert batch.beside.tolist() == [2, 3]
    assert len(part) == 1
