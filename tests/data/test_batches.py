import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.batches import (
    InMemory,
    by_tokens,
    epoch_order,
    make_batch,
    row_order,
    step_rows,
    widths,
)
from nbtune.data.ragged import Ragged

lengths = st.lists(st.integers(1, 300), min_size=1, max_size=100).map(np.array)


@given(lengths, st.integers(1, 2_000))
def test_batches_by_tokens_hold_every_row_once(lengths, budget):
    batches = by_tokens(lengths, budget)
    assert sorted(itertools.chain(*batches)) == list(range(len(lengths)))


@given(lengths, st.integers(1, 2_000))
def test_batches_by_tokens_stay_within_the_budget_unless_one_row_is_longer(lengths, budget):
    for rows in by_tokens(lengths, budget):
        assert len(rows) * lengths[rows].max() <= budget or len(rows) == 1


@given(lengths, st.integers(1, 2_000))
def test_the_largest_batch_comes_first(lengths, budget):
    longest = [lengths[rows].max() for rows in by_tokens(lengths, budget)]
    assert longest == sorted(longest, reverse=True)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 9))
def test_the_steps_of_an_epoch_hold_every_row_once(rows, rows_per_step, seed):
    steps = -(-rows // rows_per_step)
    for epoch in range(3):
        one = list(itertools.islice(step_rows(seed, rows, rows_per_step, epoch * steps), steps))
        assert sorted(itertools.chain(*one)) == list(range(rows))
        assert all(len(step) == rows_per_step for step in one[:-1])


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 100))
def test_steps_begun_in_the_middle_go_on_as_if_never_stopped(rows, rows_per_step, first):
    whole = itertools.islice(step_rows(0, rows, rows_per_step, 0), first, first + 5)
    later = itertools.islice(step_rows(0, rows, rows_per_step, first), 5)
    assert [list(step) for step in later] == [list(step) for step in whole]


def test_weighted_sampling_draws_every_label_equally_often():
    targets = np.array([0] * 900 + [1] * 90 + [2] * 10)
    order = row_order("weighted", some_rows(targets), 10)
    drawn = order(0, 0, 1000)
    assert len(drawn) == 1000
    assert np.bincount(targets[drawn]) / 1000 == pytest.approx([1 / 3] * 3, abs=0.06)
    assert list(order(0, 0, 1000)) == list(drawn), "by seed and epoch alone"
    assert list(order(0, 1, 1000)) != list(drawn)
    assert list(order(1, 0, 1000)) != list(drawn)


def some_rows(targets, lengths=None):
    lengths = np.ones(len(targets), int) if lengths is None else lengths
    return InMemory([[1] * n for n in lengths], np.asarray(targets))


@given(lengths, st.integers(1, 20), st.integers(0, 3))
def test_grouping_by_length_takes_every_row_once_and_the_short_step_last(lengths, size, epoch):
    order = row_order("group_by_length", some_rows(lengths, lengths), size)
    assert sorted(order(0, epoch, len(lengths))) == list(range(len(lengths)))


def test_grouped_rows_of_a_step_are_of_like_length_and_steps_come_in_any_order():
    rng = np.random.default_rng(0)
    lengths = rng.permutation(np.repeat(np.arange(1, 31), 8))
    rows = row_order("group_by_length", some_rows(lengths, lengths), 8)(0, 0, 240)
    steps = lengths[rows].reshape(30, 8)
    assert (steps == steps[:, :1]).all()
    assert 5 < np.sum(np.diff(steps[:, 0]) > 0) < 25


@pytest.mark.parametrize("strategy", ["random", "sequential", "weighted", "group_by_length"])
def test_steps_of_every_order_go_on_as_if_never_stopped(strategy):
    targets = np.arange(20) % 3
    order = row_order(strategy, some_rows(targets), 6)
    whole = itertools.islice(step_rows(0, 20, 6, 0, order), 5, 9)
    later = itertools.islice(step_rows(0, 20, 6, 5, order), 4)
    assert [list(step) for step in later] == [list(step) for step in whole]


def test_rows_may_come_as_they_lie():
    steps = itertools.islice(
        step_rows(0, 5, 2, 0, row_order("sequential", some_rows(np.zeros(5)), 2)), 4
    )
    assert [list(step) for step in steps] == [[0, 1], [2, 3], [4], [0, 1]]


def test_each_epoch_and_seed_has_an_order_of_its_own():
    orders = {tuple(epoch_order(seed, epoch, 30)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4


def test_a_batch_is_padded_on_the_right():
    examples = InMemory([[5, 6], [7], [8, 9, 1]], np.array([0, 1, 2]))
    batch = make_batch(examples, np.array([1, 2]), pad_id=3)
    assert batch.inputs["input_ids"].tolist() == [[7, 3, 3], [8, 9, 1]]
    assert batch.inputs["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]
    assert batch.lengths == [1, 3]
    assert batch.targets.tolist() == [1, 2]


def test_a_padding_id_inside_a_row_stays_visible():
    batch = make_batch(InMemory([[3, 5, 3]], np.array([0])), np.array([0]), pad_id=3)
    assert batch.inputs["attention_mask"].tolist() == [[1, 1, 1]]
    assert batch.inputs["input_ids"].dtype == batch.targets.dtype == torch.int64


def test_rows_are_as_wide_as_their_targets_where_these_are_longer():
    targets = Ragged.of([[1] * 9, [1]])
    assert widths(InMemory([[1, 2], [3, 4, 5]], targets)).tolist() == [9, 3]
    assert widths(InMemory([[1, 2]], np.array([0]))).tolist() == [2]
