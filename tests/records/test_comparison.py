import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nbtune.records import ComparisonRecord
from nbtune.records.comparison import pareto_front
from nbtune.testing import made_up_comparison

points = st.lists(
    st.tuples(st.integers(1, 6).map(float), st.integers(0, 6).map(float)), min_size=1, max_size=12
)


def dominated(one, other):
    (cost, worth), (lower, higher) = one, other
    return lower <= cost and higher >= worth and (lower < cost or higher > worth)


@given(points)
def test_the_front_is_what_nothing_dominates(found):
    front = pareto_front(*zip(*found, strict=True))
    kept = [i for i, one in enumerate(found) if not any(dominated(one, o) for o in found)]
    assert sorted(front) == kept


def test_an_unknown_cost_is_not_on_the_front():
    assert pareto_front([math.nan, 2.0], [0.9, 0.1]) == [1]


def test_a_lower_loss_is_worth_more_on_the_front():
    made = replace(made_up_comparison(), metric="log_loss")
    best = min(made.contenders, key=lambda one: one.scores["log_loss"].value)
    assert best.name in made.front


def test_a_record_reads_back_as_it_was():
    made = made_up_comparison()
    assert repr(ComparisonRecord.from_json(made.to_json())) == repr(made)
