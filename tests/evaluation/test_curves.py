import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from nbtune.evaluation.curves import MOST_LABELS, POINTS, pr_curves, roc_curves, roc_points
from nbtune.evaluation.metrics import score
from nbtune.testing import guesses

NAMES = tuple("abcdefgh")
predicted = st.builds(
    guesses, st.integers(2, 25), st.integers(3, 5), st.integers(0, 10_000), st.floats(0, 0.8)
)


def named(curves):
    return {curve.label: curve for curve in curves}


@given(predicted)
def test_areas_are_those_of_scikit_learn(pair):
    targets, probabilities = pair
    labels = NAMES[: probabilities.shape[1]]
    roc, pr = (named(f(targets, probabilities, labels)) for f in (roc_curves, pr_curves))
    for k, label in enumerate(labels):
        if not 0 < np.sum(targets == k) < len(targets):
            assert label not in roc
            assert label not in pr
            continue
        own = (targets == k, probabilities[:, k])
        assert roc[label].area == pytest.approx(sk.roc_auc_score(*own), abs=1e-12)
        assert pr[label].area == pytest.approx(sk.average_precision_score(*own), abs=1e-12)
    if roc:
        pairs = (np.eye(len(labels))[targets].ravel(), probabilities.ravel())
        assert roc["micro"].area == pytest.approx(sk.roc_auc_score(*pairs), abs=1e-12)
        assert pr["micro"].area == pytest.approx(sk.average_precision_score(*pairs), abs=1e-12)
        auc = score(targets, probabilities, ["roc_auc"])["roc_auc"]
        assert roc["macro"].area == pytest.approx(auc, abs=1e-12)


@given(predicted)
def test_curves_go_from_end_to_end_and_never_back(pair):
    labels = NAMES[: pair[1].shape[1]]
    for curve in roc_curves(*pair, labels):
        assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)
        assert (np.diff(curve.x) >= 0).all()
        assert (np.diff(curve.y) >= 0).all()
    for curve in pr_curves(*pair, labels):
        assert (curve.x[0], curve.y[0], curve.x[-1]) == (0, 1, 1)
        assert (np.diff(curve.x) >= 0).all()


def test_thinning_keeps_the_ends_and_the_area_of_all_points():
    rng = np.random.default_rng(0)
    targets = rng.integers(2, size=5000)
    second = 1 / (1 + np.exp(-(rng.normal(size=5000) + targets)))
    (roc,) = roc_curves(targets, np.column_stack([1 - second, second]), ("ham", "spam"))
    (pr,) = pr_curves(targets, np.column_stack([1 - second, second]), ("ham", "spam"))
    whole, *_ = sk.roc_curve(targets, second)
    assert len(roc.x) <= POINTS + 1 < len(whole)
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert (pr.x[0], pr.y[0], pr.x[-1]) == (0, 1, 1)
    assert roc.area == sk.roc_auc_score(targets, second)
    assert pr.area == pytest.approx(sk.average_precision_score(targets, second), rel=1e-12)
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(roc.area, abs=0.002), "it looks the same"


def test_two_labels_have_one_curve_that_of_the_second():
    targets, probabilities = guesses(30, 2)
    assert [c.label for c in roc_curves(targets, probabilities, ("ham", "spam"))] == ["spam"]
    assert [c.label for c in pr_curves(targets, probabilities, ("ham", "spam"))] == ["spam"]


def test_rows_of_one_label_have_no_curve():
    for labels in (2, 3):
        even = np.full((4, labels), 1 / labels)
        assert roc_curves(np.zeros(4, dtype=int), even, NAMES[:labels]) == ()
        assert pr_curves(np.zeros(4, dtype=int), even, NAMES[:labels]) == ()


def test_averages_are_told_from_labels_that_are_called_so():
    curves = roc_curves(*guesses(60, 3), ("micro", "macro", "other"))
    assert [(c.label, c.average) for c in curves] == [
        ("micro", False), ("macro", False), ("other", False), ("micro", True), ("macro", True),
    ]  # fmt: skip


def test_of_many_labels_the_worst_are_kept_and_all_count_in_the_averages():
    targets, probabilities = guesses(2000, 40)
    labels = tuple(f"label {k}" for k in range(40))
    curves = roc_curves(targets, probabilities, labels)
    areas = {c.label: c.area for c in curves if not c.average}
    all_areas = {labels[k]: sk.roc_auc_score(targets == k, probabilities[:, k]) for k in range(40)}
    assert set(areas) == set(sorted(labels, key=all_areas.get)[:MOST_LABELS])
    assert list(areas) == sorted(areas, key=labels.index), "in the order of the labels"
    assert named(curves)["macro"].area == pytest.approx(np.mean(list(all_areas.values())))


def test_the_macro_curve_is_the_mean_of_the_curves():
    """One label is found at once (area 1), one is the other way round (area 0)."""
    targets = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.8, 0.2, 0], [0.7, 0.3, 0], [0.9, 0.1, 0], [0.6, 0.4, 0]])
    roc = named(roc_curves(targets, probabilities, ("a", "b", "c")))
    assert (roc["a"].area, roc["b"].area, roc["macro"].area) == (0.5, 0.5, 0.5)
    middle = np.interp(0.75, roc["macro"].x, roc["macro"].y)
    both = [np.interp(0.75, roc[k].x, roc[k].y) for k in "ab"]
    assert middle == pytest.approx(np.mean(both), abs=0.02)


@given(predicted)
def test_curves_run_through_the_points_of_scikit_learn(pair):
    """Only where a row with the label lies can a curve bend; the others are left out."""
    targets, probabilities = pair
    for k in range(probabilities.shape[1]):
        has, chances = targets == k, probabilities[:, k]
        if not 0 < has.sum() < len(has):
            continue
        x, y, _ = sk.roc_curve(has, chances, drop_intermediate=False)
        ours = roc_points(has, chances)
        assert {*zip(*ours, strict=True)} <= {*zip(x, y, strict=True)}
        for at in np.linspace(0, 1, 7):  # inside of a rise both ends are right
            low, high = (np.interp(at + by, *ours) for by in (-1e-9, 1e-9))
            assert low - 1e-6 <= np.interp(at, x, y) <= high + 1e-6
