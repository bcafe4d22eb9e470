import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from nbtune.errors import RunError
from nbtune.evaluation.bootstrap import resampled, weighted_labels
from nbtune.evaluation.classification import judge
from nbtune.evaluation.metrics import score
from nbtune.evaluation.thresholds import FEWEST_GIVEN, choose, given_labels
from nbtune.records import Choice
from nbtune.testing import guesses

HELD_OUT = st.builds(
    lambda rows, seed, skill: guesses(rows, 2, seed, skill),
    st.integers(20, 80), st.integers(0, 10_000), st.floats(0, 1),
)  # fmt: skip


def spread(rows, seed=0):
    """Rows of which three in ten have the label, and chances that are worth something."""
    rng = np.random.default_rng(seed)
    has = rng.random(rows) < 0.3
    return has, 1 / (1 + np.exp(-(rng.normal(size=rows) + 1.8 * has) * 1.8 + 2.5))


def chosen(text, pair):
    targets, probabilities = pair
    return choose(Choice.of(text).about("spam"), targets == 1, probabilities[:, 1])


def enough(pair):
    assume(5 <= (pair[0] == 1).sum() < len(pair[0]))
    return (pair[0] == 1), pair[1][:, 1]


@given(HELD_OUT, st.integers(30, 100).map(lambda each: each / 100))
def test_a_precision_is_reached_or_the_best_one_is_said(pair, wanted):
    has, chances = enough(pair)
    precision = {t: has[chances >= t].mean() for t in np.unique(chances)}
    given = {t: (chances >= t).sum() for t in precision}
    best = max(precision[t] for t in precision if given[t] >= FEWEST_GIVEN)
    if best < wanted:
        with pytest.raises(RunError, match=f"the best is {best:.3f}"):
            chosen(f"precision={wanted}", pair)
    else:
        found = chosen(f"precision={wanted}", pair)
        assert has[chances >= found].mean() >= wanted


@given(HELD_OUT, st.floats(0.1, 1))
def test_a_recall_is_reached_and_no_threshold_above_would_do(pair, wanted):
    has, chances = enough(pair)
    found = chosen(f"recall={wanted:.6f}", pair)
    assert (chances[has] >= found).mean() >= wanted - 1e-6
    next_one = chances[chances >= found].min()
    fewer = (chances[has] > next_one).sum()
    assert fewer < wanted * (has.sum() + 1), "one row more than is wanted of so many"


@given(HELD_OUT, st.integers(1, 9), st.integers(1, 9))
def test_no_other_threshold_costs_less_or_has_a_better_f1(pair, alarm, miss):
    has, chances = enough(pair)
    every = [*np.unique(chances), 2.0]

    def cost(threshold):
        given = chances >= threshold
        return alarm * (given & ~has).sum() + miss * (has & ~given).sum()

    def f1(threshold):
        return sk.f1_score(has, chances >= threshold, zero_division=0)

    assert cost(chosen(f"cost={alarm}:{miss}", pair)) == min(map(cost, every))
    assert f1(chosen("f1", pair)) == pytest.approx(max(map(f1, every)))


def test_new_rows_reach_what_was_asked_for_in_the_mean():
    new, new_chances = spread(40_000, seed=1_000)
    held_out = [spread(500, seed) for seed in range(60)]

    def on_new_rows(text, of):
        return np.mean([of(new_chances >= choose(Choice.of(text), *one)) for one in held_out])

    assert on_new_rows("recall=0.9", lambda given: given[new].mean()) == pytest.approx(
        0.9, abs=0.01
    )
    precision = on_new_rows("precision=0.8", lambda given: new[given].mean())
    assert precision == pytest.approx(0.8, abs=0.012)


@pytest.mark.parametrize(
    ("rows", "said"), [([1, 1, 0, 0] * 1, "2 of 4"), ([1] * 8, "all 8"), ([0] * 9, "0 of 9")]
)
def test_too_few_rows_to_choose_by_are_said(rows, said):
    has = np.array(rows, dtype=bool)
    with pytest.raises(RunError, match=f"threshold: {said} validation rows are spam"):
        choose(Choice.of("spam:f1"), has, np.linspace(0, 1, len(has)))
    assert choose(Choice.of("spam:0.3"), has, has) == 0.3


@given(HELD_OUT, st.floats(0.05, 0.95))
def test_scores_at_a_threshold_are_those_of_scikit_learn(pair, at):
    targets, probabilities = pair
    given = (probabilities[:, 1] >= at).astype(int)
    found = score(targets, probabilities, thresholds=(1 - at, at))
    assert found["accuracy"] == sk.accuracy_score(targets, given)
    assert found["f1_macro"] == sk.f1_score(targets, given, average="macro", zero_division=0)
    plain = score(targets, probabilities)
    assert [found[k] for k in ("roc_auc", "brier")] == [plain[k] for k in ("roc_auc", "brier")]
    once = np.ones((1, len(targets)), dtype=np.float32)
    weighted = weighted_labels(targets, probabilities, (1 - at, at))(once)
    assert {k: float(v[0]) for k, v in weighted.items()} == pytest.approx(found, nan_ok=True)


def test_intervals_are_around_the_scores_at_the_threshold():
    pair = guesses(400, 2)
    found = score(*pair, thresholds=(0.2, 0.8))["accuracy"]
    low, high = np.quantile(resampled(*pair, thresholds=(0.2, 0.8))["accuracy"], [0.05, 0.95])
    assert low < found < high < score(*pair)["accuracy"]


@given(HELD_OUT, st.floats(0.05, 0.95))
def test_what_is_decided_is_counted_as_scikit_learn_does(pair, at):
    targets, probabilities = pair
    record = judge("r", "test", ("ham", "spam"), *pair, thresholds=(1 - at, at), rules=("", "f1"))
    given = given_labels(probabilities, (1 - at, at))
    for k, point in enumerate(record.operating):
        has, says = targets == k, given == k
        one = point.at
        counted = [one.rest, one.false_alarms, one.misses, one.right]
        assert counted == sk.confusion_matrix(has, says, labels=[False, True]).ravel().tolist()
        if says.any():
            assert one.precision.value == sk.precision_score(has, says)
        if has.any():
            assert one.recall.value == sk.recall_score(has, says)
    assert [point.label for point in record.decided] == ["spam"]
    assert np.array(record.confusion.counts)[1, 1] == record.operating[1].at.right


def test_costs_are_those_of_the_rule():
    pair = guesses(200, 2)
    record = judge(
        "r", "test", ("ham", "spam"), *pair, thresholds=(0.2, 0.8), rules=("", "cost=5:1")
    )
    at, usual = record.decided[0].at, record.decided[0].usual
    counted = tuple(5 * one.false_alarms + one.misses for one in (at, usual))
    assert record.decided[0].costs == counted
