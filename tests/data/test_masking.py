import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.batches import InMemory, make_batch
from nbtune.data.masking import Masked, Masking, WordParts, in_epoch
from nbtune.data.ragged import IGNORED, Ragged

MASK = 99
rows_of_ids = st.lists(st.lists(st.integers(10, 60), min_size=1, max_size=30), min_size=1)


def masked(rows, share=0.15, words=None, epoch=0, others=(7,)):
    ids = [[1, *row, 2] for row in rows]  # 1 and 2 are ends, which are never hidden
    targets = [[IGNORED, *row, IGNORED] for row in rows]
    examples = InMemory(ids, Ragged.of(targets, np.int32))
    return Masked(examples, Masking(MASK, np.array(others), share, 0, words), epoch)


@given(rows_of_ids, st.floats(0.05, 0.9), st.integers(0, 3))
def test_a_share_of_each_row_is_hidden_at_least_one_token_and_no_end(rows, share, epoch):
    shown = masked(rows, share, epoch=epoch)
    batch = make_batch(shown, np.arange(len(rows)), 0)
    for row, own in enumerate(rows):
        asked = np.flatnonzero(batch.targets[row] != IGNORED)
        assert len(asked) == max(1, round(share * len(own)))
        ids = np.array([1, *own, 2])
        assert all(batch.targets[row][asked].numpy() == ids[asked])
        seen = batch.inputs["input_ids"][row][: len(ids)].numpy()
        assert set(np.flatnonzero(seen != ids)) <= set(asked)


def test_rows_are_masked_anew_in_every_epoch_and_the_same_when_asked_again():
    rows = [list(range(10, 60))] * 4
    first, again, next_one = (
        in_epoch(masked(rows), epoch).targets.padded(range(4)) for epoch in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, next_one)
    assert not np.array_equal(first[0], first[1])
    assert np.array_equal(first[2:3], masked(rows).targets[[2]])  # whatever it is batched with


def test_hidden_tokens_are_shown_as_in_bert():
    rows = [[10] * 500] * 20
    shown = np.concatenate(masked(rows, share=0.5).take(range(20)))
    counts = np.array([(shown == MASK).sum(), (shown == 7).sum()])
    assert counts / (20 * 250) == pytest.approx([0.8, 0.1], abs=0.02)
    judged = np.concatenate(masked(rows, share=0.5, epoch=None).take(range(20)))
    assert (judged == MASK).sum() == 20 * 250


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 5))
def test_words_are_hidden_whole_or_not_at_all(goes_on, epoch):
    parts = WordParts(np.array([False] * 50 + [True] * 50), np.ones(100, dtype=bool))
    row = [51 if more else 11 for more in goes_on]
    shown = masked([row], 0.3, parts, epoch)
    hidden = shown.targets.row(0)[1:-1] != IGNORED
    starts = np.flatnonzero([place == 0 or not more for place, more in enumerate(goes_on)])
    words = np.split(hidden, starts[1:])
    assert all(len(set(word.tolist())) == 1 for word in words)
    assert hidden.any()


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["play", "##ing", "now", "."], [0, 0, 1, 2]),
        (["Ġplay", "ing", "Ġnow", ".", "Ġ(", "so", ")"], [0, 0, 1, 2, 3, 4, 5]),
        (["▁don", "'", "t", "Ċ", "we"], [0, 1, 2, 3, 4]),
        (["Ġg", "rÃ¼", "n"], [0, 0, 0]),
    ],
)
def test_words_are_told_from_the_spelling_of_tokens(tokens, words):
    ids = np.arange(len(tokens))
    assert WordParts.of(tokens).groups(ids, ids).tolist() == words
