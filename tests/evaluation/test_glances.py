import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, roc_auc_score

from nbtune.evaluation.glances import MOST_LABELS, MOST_POINTS, bars, dots, glance
from nbtune.events import Evaluated, from_json, to_json
from nbtune.testing import guesses


def area(points):
    x, y = np.array(points).T
    return float(np.trapezoid(y, x))


@pytest.mark.parametrize("labels", [2, 3, MOST_LABELS])
def test_matrix_and_curve_are_those_of_scikit_learn(labels):
    targets, said = guesses(900, labels)
    given = said.argmax(1)
    found = glance(targets, said, given)
    expected = confusion_matrix(targets, given, labels=range(labels))
    assert np.array_equal(found["confusion"], expected)
    hot = np.eye(labels, dtype=int)[targets]
    auc = roc_auc_score(*((targets, said[:, 1]) if labels == 2 else (hot.ravel(), said.ravel())))
    assert area(found["roc"]) == pytest.approx(auc, abs=0.005)
    assert len(found["roc"]) <= MOST_POINTS


def test_with_many_labels_or_without_rows_there_is_none():
    targets, said = guesses(200, MOST_LABELS + 1)
    assert glance(targets, said, said.argmax(1)) == {}
    assert glance(targets[:0], said[:0], said[:0].argmax(1)) == {}


def test_numbers_that_are_not_finite_leave_the_matrix():
    targets, said = guesses(50)
    assert set(glance(targets, np.full_like(said, np.nan), targets)) == {"confusion"}


@given(rows=st.integers(1, 300), labels=st.integers(2, 12), seed=st.integers(0, 99))
def test_it_is_small_and_the_history_gives_it_back(rows, labels, seed):
    targets, said = guesses(rows, labels, seed)
    event = Evaluated(1, 1.0, "validation", 0.5, {}, 0.1, **glance(targets, said, said.argmax(1)))
    line = to_json(event, 1.0)
    assert from_json(line) == (1.0, event)
    assert len(line) < 2_000
    assert sum(map(sum, event.confusion)) == rows


def test_bars_are_those_of_the_labels_that_are_told_worst():
    f1 = np.linspace(1, 0, 40)
    found = bars([f"label {i}" for i in range(40)], f1)["bars"]
    assert len(found) == 12
    assert found[0] == ("label 39", 0.0)
    assert [value for _, value in found] == sorted(value for _, value in found)


def test_dots_are_some_rows_evenly_and_none_without_a_number():
    across = np.arange(1_000.0)
    found = dots(across, np.where(across == 0, np.nan, across / 2))["dots"]
    assert len(found) == 149
    assert found[-1] == (999, 499.5)
    assert dots(across[:0], across[:0])["dots"] == ()
