"""Rows of a share."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from nbtune.jobs.parts import nested_order

labels = st.lists(st.sampled_from("abcd"), min_size=1, max_size=60)


@given(labels, st.integers(0, 5))
def test_every_row_comes_once(labels, seed):
    assert sorted(nested_order(labels, seed)) == list(range(len(labels)))


@given(labels, st.integers(0, 5), st.integers(1, 60))
def test_every_beginning_is_stratified(labels, seed, size):
    kinds, chosen = Counter(labels), nested_order(labels, seed)[:size]
    counts = Counter(labels[row] for row in chosen)
    for label, count in kinds.items():
        share = count * len(chosen) / len(labels)
        assert abs(counts[label] - share) <= len(kinds) + 1


@given(labels, st.integers(0, 5))
def test_each_label_comes_before_any_comes_twice(labels, seed):
    first = [labels[row] for row in nested_order(labels, seed)[: len(set(labels))]]
    assert set(first) == set(labels)


def test_draws_differ():
    rows = ["a", "b"] * 20
    assert list(nested_order(rows, 1)) != list(nested_order(rows, 2))
