import numpy as np
import pytest
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from nbtune.evaluation.label_noise import label_margins, suspects
from nbtune.testing import guesses

predicted = st.builds(
    guesses, st.integers(30, 120), st.integers(2, 5), st.integers(0, 10_000), st.floats(0.2, 1)
)


def planted(rows=600, labels=4, share=0.1, seed=0):
    """Labels of which a share was changed, which those are, and what a good model says."""
    rng = np.random.default_rng(seed)
    true = rng.integers(labels, size=rows)
    changed = rng.random(rows) < share
    targets = np.where(changed, (true + rng.integers(1, labels, size=rows)) % labels, true)
    return targets, changed, softmax(rng.normal(size=(rows, labels)) + 4 * np.eye(labels)[true], 1)


@given(predicted)
def test_margins_are_those_of_cleanlab(pair):
    theirs = get_label_quality_scores(*pair, method="normalized_margin")
    assert (label_margins(*pair) + 1) / 2 == pytest.approx(theirs)


@pytest.mark.parametrize("seed", range(8))
def test_suspects_are_those_of_cleanlabs_confident_learning(seed):
    targets, _, probabilities = planted(seed=seed)
    theirs = find_label_issues(
        targets, probabilities, filter_by="confident_learning", n_jobs=1,
    )  # fmt: skip
    assert suspects(targets, probabilities).tolist() == theirs.tolist()


def test_planted_noise_comes_first():
    found = []
    for seed in range(10):
        targets, changed, probabilities = planted(seed=seed)
        order = np.argsort(label_margins(targets, probabilities), kind="stable")
        found.append(changed[order[: changed.sum()]].mean())
    assert np.mean(found) > 0.95, "precision at as many rows as were changed"


def test_a_label_that_no_row_has_is_no_trouble():
    targets, probabilities = np.array([0, 0, 1]), np.eye(3)[[0, 0, 1]] * 0.7 + 0.1
    assert not suspects(targets, probabilities).any()
    assert label_margins(targets, probabilities) == pytest.approx([0.7] * 3)
    assert not len(label_margins(np.empty(0, int), np.empty((0, 3))))
