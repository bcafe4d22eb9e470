from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.splitting import sample_per_label, stratified_split

label_lists = st.lists(st.sampled_from("abcd"), min_size=1, max_size=200)
seeds = st.integers(0, 2**32 - 1)


@given(label_lists, st.floats(0, 0.99), seeds)
def test_a_split_loses_no_row(labels, size, seed):
    kept, taken = stratified_split(labels, size, seed)
    assert sorted([*kept, *taken]) == list(range(len(labels)))
    assert list(kept) == sorted(kept)
    assert list(taken) == sorted(taken)


@given(label_lists, st.floats(0, 0.99), seeds)
def test_a_split_keeps_the_proportions_to_one_row(labels, size, seed):
    _, taken = stratified_split(labels, size, seed)
    counts, found = Counter(labels), Counter(labels[i] for i in taken)
    share = round(size * len(labels)) / len(labels)
    for label, count in counts.items():
        assert abs(found[label] - min(count * share, count - 1)) <= 1


@given(label_lists, st.floats(0, 0.99) | st.integers(1, 300), seeds)
def test_no_label_loses_its_last_training_row(labels, size, seed):
    kept, _ = stratified_split(labels, size, seed)
    assert {labels[i] for i in kept} == set(labels)


@given(label_lists, seeds)
def test_the_same_seed_splits_the_same(labels, seed):
    first, second = (stratified_split(labels, 0.3, seed) for _ in range(2))
    assert np.array_equal(first[1], second[1])


def test_a_tenth_of_ninety_and_ten_is_nine_and_one():
    labels = ["a"] * 90 + ["b"] * 10
    _, taken = stratified_split(labels, 0.1, 0)
    assert Counter(labels[i] for i in taken) == {"a": 9, "b": 1}


def test_a_size_above_one_is_a_number_of_rows():
    kept, taken = stratified_split(["a", "b"] * 10, 6, 0)
    assert (len(kept), len(taken)) == (14, 6)


def test_another_seed_takes_other_rows():
    labels = ["a", "b"] * 50
    assert not np.array_equal(
        stratified_split(labels, 0.2, 0)[1], stratified_split(labels, 0.2, 1)[1]
    )


@given(label_lists, st.integers(1, 250), seeds)
def test_a_sample_has_the_size_asked_for_and_no_row_twice(labels, count, seed):
    chosen = sample_per_label(labels, count, seed)
    assert len(chosen) == len(set(chosen.tolist())) == min(count, len(labels))


@given(label_lists, st.integers(4, 250), seeds)
def test_a_sample_holds_every_label(labels, count, seed):
    chosen = sample_per_label(labels, count, seed)
    assert {labels[i] for i in chosen} == set(labels)
