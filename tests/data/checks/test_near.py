import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtune.data.checks.near import ALIKE, alike, band_keys, likeness, likenesses

words = st.sampled_from(
    [
        "the",
        "a",
        "small",
        "large",
        "furry",
        "old",
        "new",
        "red",
        "animal",
        "city",
        "river",
        "of",
        "in",
        "with",
    ]
)
texts = st.lists(words, min_size=5, max_size=12).map(" ".join)


def at(rows):
    """Places to the texts there."""
    return lambda places: [rows[place] for place in places]


def brute_force(rows):
    return {
        (i, j)
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if likeness(rows[i], rows[j]) >= ALIKE
    }


@given(st.lists(texts, min_size=2, max_size=25, unique=True))
@settings(deadline=None, max_examples=50)
def test_every_pair_that_is_told_is_alike(rows):
    pairs, complete = alike(band_keys(rows), at(rows))
    assert complete
    assert set(pairs) <= brute_force(rows)


@given(st.sets(st.text("abcdef", min_size=5, max_size=30), min_size=2, max_size=2))
def test_likeness_is_the_jaccard_index_of_runs_of_letters(two):
    one, other = ({t[i : i + 5] for i in range(len(t) - 4)} for t in two)
    assert likeness(*two) == pytest.approx(len(one & other) / len(one | other))


@given(st.lists(st.text(max_size=40) | texts, min_size=2, max_size=6), st.data())
def test_many_pairs_compared_at_once_are_as_alike_as_one_by_one(rows, data):
    place = st.integers(0, len(rows) - 1)
    pairs = np.array(data.draw(st.lists(st.tuples(place, place), min_size=1, max_size=8)))
    one_by_one = [likeness(rows[one], rows[other]) for one, other in pairs]
    np.testing.assert_allclose(likenesses(rows, pairs), one_by_one)


def test_nearly_all_near_copies_among_many_are_found():
    rng = np.random.default_rng(0)
    rows = ["".join(rng.choice(list("abcdefghij "), 120)) for _ in range(400)]
    copies = [row[:60] + "x" + row[61:] for row in rows[:200]]  # 0.92 alike
    pairs, _ = alike(band_keys([*rows, *copies]), at([*rows, *copies]))
    assert len(set(pairs) & {(i, 400 + i) for i in range(200)}) >= 198
    assert len(pairs) <= 200


def test_keys_of_a_text_do_not_hang_on_its_neighbours():
    rows = [f"a text of some length, number {i} of them" for i in range(50)]
    alone = np.concatenate([band_keys([row]) for row in rows], axis=1)
    np.testing.assert_array_equal(band_keys(rows), alone)


def test_case_signs_and_space_make_no_difference():
    one, other = "A small, FURRY mammal (of the woods)", "a small  furry mammal of the woods"
    np.testing.assert_array_equal(band_keys([one]), band_keys([other]))


def test_short_texts_are_like_nothing():
    assert not band_keys(["yes", "yes!", ""]).any()
    assert alike(band_keys(["yes", "yes"]), at(["yes", "yes"])) == ([], True)
