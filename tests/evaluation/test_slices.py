import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact, mannwhitneyu, rankdata

from nbtune.evaluation.slices import FEWEST, Scorer, slice_rows

WORDS = [f"w{i}" for i in range(120)]


def made_up(rows=1200, seed=0, accuracy=0.85):
    """Texts of words drawn at random, two columns, and rows that are right by chance alone."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(4, 20))) for _ in range(rows)]
    columns = pd.DataFrame(
        {
            "source": rng.choice(["web", "mail", "chat"], size=rows),
            "year": rng.integers(1990, 2020, rows),
        }
    )
    return texts, columns, rng.random(rows) < accuracy


def planted(kind, seed):
    """The same, but one slice is right only six times in ten."""
    texts, columns, right = made_up(seed=seed)
    bad = {
        "source": (columns["source"] == "mail").to_numpy(),
        "year": (columns["year"] >= 2012).to_numpy(),
        "word": np.array(["w7" in text.split() for text in texts]),
        "length": np.array([len(text.split()) >= 16 for text in texts]),
    }[kind]
    rng = np.random.default_rng(seed + 1000)
    right[bad] = rng.random(bad.sum()) < 0.6
    return texts, columns, right


@pytest.mark.parametrize("kind", ["source", "year", "word", "length"])
def test_a_planted_slice_is_found_and_named_first(kind):
    found = [slice_rows(*planted(kind, seed)).worst for seed in range(8)]
    named = [bool(worst) and worst[0].what == kind for worst in found]
    assert sum(named) >= 7
    others = sum(len(worst) - 1 for worst in found if worst)
    assert others <= 3, "slices that only overlap with it are left out"


def test_where_nothing_is_planted_hardly_anything_is_found():
    alarms = [bool(slice_rows(*made_up(seed=seed)).worst) for seed in range(40)]
    assert sum(alarms) <= 5, "5 % of 40 is 2"


def test_the_p_value_is_that_of_fisher_adjusted_for_all_values_of_the_column():
    texts, columns, right = planted("source", 0)
    asked = slice_rows(texts, columns, right, "source").asked
    assert [one.value for one in asked] == ["chat", "mail", "web"]
    mail = asked[1]
    own = (columns["source"] == "mail").to_numpy()
    table = [
        [(~right[own]).sum(), right[own].sum()],
        [(~right[~own]).sum(), right[~own].sum()],
    ]
    assert mail.p_value == pytest.approx(3 * fisher_exact(table, "greater").pvalue, rel=1e-6)
    assert mail.rows == own.sum()
    assert mail.score.value == pytest.approx(right[own].mean())
    assert mail.rest == pytest.approx(right[~own].mean())
    assert mail.score.low < mail.score.value < mail.score.high


def test_many_numbers_are_binned_into_quarters_that_hold_every_row():
    texts, columns, right = made_up(400)
    asked = slice_rows(texts, columns, right, "year").asked
    assert len(asked) == 4
    assert sum(one.rows for one in asked) == 400
    assert asked[0].value.startswith("1990 to ")


def test_few_numbers_and_missing_ones_have_parts_of_their_own():
    texts, _, right = made_up(100)
    stars = pd.DataFrame({"stars": [1.0, 2.0, np.nan, 5.0] * 25})
    asked = slice_rows(texts, stars, right, "stars").asked
    assert [(one.value, one.rows) for one in asked] == [
        ("1", 25), ("2", 25), ("5", 25), ("(missing)", 25),
    ]  # fmt: skip


def test_a_few_rows_are_not_sliced():
    texts, columns, right = made_up(FEWEST)
    found = slice_rows(texts, columns, right)
    assert (found.looked_at, found.worst) == (0, ())
    assert "Too few rows" in found.words


def test_a_model_that_is_always_right_has_no_worst_slice():
    texts, columns, right = made_up()
    assert slice_rows(texts, columns, np.ones_like(right)).worst == ()


def test_a_planted_slice_is_found_by_scores_that_are_neither_right_nor_wrong():
    for seed in range(4):
        texts, columns, _ = made_up(seed=seed)
        rng = np.random.default_rng(seed)
        is_bad = (columns["source"] == "mail").to_numpy()
        errors = rng.lognormal(np.where(is_bad, 0.5, 0.0), 1.0)
        (first, *_) = slice_rows(texts, columns, errors, measure="mae").worst
        assert first.name == "source mail"
        assert first.score.value == pytest.approx(errors[is_bad].mean())
        assert first.score.low < first.score.value < first.score.high
        assert first.rest == pytest.approx(errors[~is_bad].mean())


def test_scores_with_long_tails_raise_hardly_any_alarm():
    alarms = 0
    for seed in range(20):
        texts, columns, _ = made_up(600, seed=seed)
        errors = np.random.default_rng(seed).lognormal(0, 1.5, len(texts))
        alarms += bool(slice_rows(texts, columns, errors, measure="mae").worst)
    assert alarms <= 3, "5 % of 20 is 1"


def test_the_p_value_of_scores_is_that_of_wilcoxon():
    texts, columns, right = planted("source", 0)
    scores = np.random.default_rng(0).random(len(right)) + 0.2 * right
    mail = slice_rows(texts, columns, scores, "source", measure="f1").asked[1]
    own = (columns["source"] == "mail").to_numpy()
    theirs = mannwhitneyu(
        scores[own], scores[~own], alternative="less", use_continuity=False, method="asymptotic"
    )
    assert mail.p_value == pytest.approx(3 * theirs.pvalue, rel=0.01)


def test_where_most_rows_score_the_same_the_p_value_is_that_of_drawing_blindly():
    rng = np.random.default_rng(0)
    scores = np.where(rng.random(400) < 0.85, 1.0, rng.integers(0, 4, 400) / 4)
    own = np.concatenate([np.flatnonzero(scores < 1)[:10], np.flatnonzero(scores == 1)[:20]])
    ranks = rankdata(scores)
    drawn = np.array([ranks[rng.permutation(400)[:30]].sum() for _ in range(20_000)])
    blind = (drawn <= ranks[own].sum()).mean()
    assert 1e-3 < blind < 0.05
    assert Scorer(scores, "f1").p_value(own) == pytest.approx(blind, rel=0.2)


def test_rows_without_a_score_are_left_out():
    texts, columns, right = made_up(400)
    scores = np.where(np.arange(400) % 4, right, np.nan)
    asked = slice_rows(texts, columns, scores, "source").asked
    assert sum(one.rows for one in asked) == 300
    assert slice_rows(texts, columns, np.full(400, np.nan), "source").asked == ()
