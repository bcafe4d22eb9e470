import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from nbtune.evaluation.curves import gain_curves, roc_curves
from nbtune.testing import guesses


@given(rows=st.integers(2, 60), labels=st.integers(2, 5), seed=st.integers(0, 99))
def test_gain_is_the_share_found_among_those_looked_at(rows, labels, seed):
    targets, probabilities = guesses(rows, labels, seed)
    probabilities = probabilities.round(1)  # many rows are as likely
    names = tuple(f"label {k}" for k in range(labels))
    roc = roc_curves(targets, probabilities, names)
    for curve in gain_curves(roc, targets, names):
        k = names.index(curve.label)
        has = targets == k
        order = np.argsort(-probabilities[:, k], kind="stable")
        for x, y in zip(curve.x, curve.y, strict=True):
            looked_at = round(x * rows)
            assert x == pytest.approx(looked_at / rows, abs=3e-5)
            assert y == pytest.approx(has[order[:looked_at]].sum() / has.sum(), abs=3e-5)
        assert curve.area == pytest.approx(sk.auc(curve.x, curve.y), abs=1e-4)
