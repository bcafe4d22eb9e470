import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from nbtune.evaluation.bootstrap import interval, weighted_labels
from nbtune.evaluation.comparison import best_first, judge_pairs, sample, score_contender, verdict
from nbtune.evaluation.pairing import holm, mcnemar, over_seeds, p_value
from nbtune.testing import guesses

rights = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)
chances = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(rights)
def test_mcnemar_is_a_fair_coin_thrown_for_each_row_that_one_has_right(pairs):
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    only_first, only_second, p = mcnemar(first, second)
    assert only_first == sum(a and not b for a, b in pairs)
    assert only_second == sum(b and not a for a, b in pairs)
    n, least = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, k) for k in range(least + 1)) / 2**n
    assert p == pytest.approx(min(1, 2 * tail))


def test_mcnemar_of_a_known_table():
    # 5 against 15 of 20 discordant rows: 2 * P(X <= 5), X ~ Binomial(20, 1/2)
    first = np.array([True] * 5 + [False] * 15 + [True] * 80)
    second = np.array([False] * 5 + [True] * 15 + [True] * 80)
    assert mcnemar(first, second) == (5, 15, pytest.approx(0.04138947))


@given(chances)
def test_holm_rejects_what_its_step_down_procedure_rejects(p_values):
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.2):
        rejected = set()
        for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
            if p_values[i] * (len(p_values) - rank) > level:
                break
            rejected.add(i)
        assert rejected == {i for i, p in enumerate(adjusted) if p <= level}
    assert all(own >= p for own, p in zip(adjusted, p_values, strict=True))


def test_a_pair_that_could_not_be_tested_still_counts():
    assert holm([0.02, math.nan])[0] == pytest.approx(0.04)
    assert math.isnan(holm([0.02, math.nan])[1])


@given(st.floats(-3, 3), st.floats(0.2, 2), st.integers(20, 500), st.integers(0, 50))
def test_the_test_rejects_where_the_interval_leaves_zero_out(shift, spread, rows, seed):
    samples = np.random.default_rng(seed).normal(shift, spread, 600)
    p, found = p_value(shift, samples, rows), interval(shift, samples, rows)
    assume(abs(p - 0.05) > 0.01)  # the quantiles between two resamples are a matter of taste
    assert (p < 0.05) == (found.low > 0 or found.high < 0)


def test_the_p_value_of_a_mean_is_about_that_of_the_t_test():
    rng = np.random.default_rng(0)
    gaps = rng.normal(0.1, 1, 80)
    drawn = gaps[rng.integers(80, size=(4_000, 80))].mean(axis=1)
    expected = stats.ttest_1samp(gaps, 0).pvalue
    assert p_value(gaps.mean(), drawn, 80) == pytest.approx(expected, rel=0.4)


def test_equal_models_are_told_apart_about_as_often_as_the_level_says():
    told = []
    for draw in range(120):
        rng = np.random.default_rng(draw)
        gaps = rng.integers(-1, 2, 200).astype(float)  # who is right, row by row
        weights = rng.multinomial(200, np.full(200, 1 / 200), size=300)
        told.append(p_value(gaps.mean(), weights @ gaps / 200, 200) < 0.05)
    assert 0.005 <= np.mean(told) <= 0.12


def test_two_that_are_one_are_never_told_apart():
    assert p_value(0.0, np.zeros(300), 50) == 1
    assert math.isnan(p_value(0.1, np.full(300, 0.1), 3)), "three rows show nothing"


def test_the_spread_of_seeds_is_part_of_the_interval():
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 0.01, 4_000)
    seeds = np.array([0.70, 0.80, 0.75])[:, None]
    spread = over_seeds(seeds + rows).std()
    assert spread == pytest.approx((0.05**2 / 3 + 0.01**2) ** 0.5, rel=0.1)
    assert over_seeds((0.7 + rows)[None]).std() == pytest.approx(rows.std())


def contender(name, targets, skill, seeds=(0,)):
    found = [guesses(len(targets), 3, 100 + seed, skill)[1] for seed in seeds]
    rng = np.random.default_rng(7)
    for one in found:
        right = rng.random(len(targets)) < skill
        one[right] = 0.1
        one[right, targets[right]] = 0.8
    right = found[0].argmax(axis=1) == targets
    sampled = [sample(weighted_labels(targets, one), len(targets), right=right) for one in found]
    return score_contender(name, sampled, len(targets))


def test_the_better_model_comes_first_and_is_shown_to_be_better():
    targets = guesses(300, 3)[0]
    ranked = best_first(
        [contender("weak", targets, 0.3), contender("strong", targets, 0.95)], "f1_macro"
    )
    assert [one.name for one in ranked] == ["strong", "weak"]
    (pair,) = judge_pairs(ranked, "f1_macro", 300)
    assert pair.is_shown
    assert pair.difference.low > 0
    assert pair.mcnemar < 0.001
    said = verdict([pair], "f1_macro", 300)
    assert said == "strong is better than weak in f1_macro (paired bootstrap of 300 rows)."


def test_a_lower_loss_comes_first():
    targets = guesses(200, 3)[0]
    both = [contender("weak", targets, 0.3), contender("strong", targets, 0.95)]
    assert best_first(both, "log_loss")[0].name == "strong"


def test_models_that_are_alike_are_not_shown_to_differ():
    targets = guesses(60, 3)[0]
    ranked = best_first([contender(name, targets, 0.5) for name in "ab"], "f1_macro")
    pairs = judge_pairs(ranked, "f1_macro", 60)
    assert not pairs[0].is_shown
    assert "better than b (0.000 apart, p 1): not shown" in verdict(pairs, "f1_macro", 60)


def test_several_seeds_have_a_spread_and_no_counts_of_rows():
    targets = guesses(200, 3)[0]
    group = contender("group", targets, 0.6, seeds=(1, 2, 3))
    alone = contender("alone", targets, 0.9)
    assert set(group.spread) == set(group.scores)
    assert not alone.spread
    (pair,) = judge_pairs(best_first([group, alone], "f1_macro"), "f1_macro", 200)
    assert math.isnan(pair.mcnemar)
