import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.written import Written
from nbtune.evaluation.overlap import bleu, bleu_counts, chrf, chrf_counts, table_of
from nbtune.evaluation.rewriting_baselines import fit_rewriting
from nbtune.evaluation.written import by_row, weighted_scores

words = st.sampled_from(
    ["the", "Cat", "sat", "on,", "a", "mat.", "it's", "3.5", "été", "x-1", "&amp;"]
)
texts = st.lists(words, max_size=9).map(" ".join)
corpora = st.lists(st.tuples(texts, texts), min_size=1, max_size=6)


@given(corpora)
def test_bleu_and_chrf_are_those_of_sacrebleu(rows):
    sacrebleu = pytest.importorskip("sacrebleu", reason="sacrebleu is not installed")
    said, true = zip(*rows, strict=True)
    ones = np.ones((1, len(rows)))
    expected = sacrebleu.corpus_bleu(list(said), [list(true)]).score
    found = bleu(ones @ table_of(map(bleu_counts, said, true), 10))[0]
    assert found == pytest.approx(expected, abs=1e-6)
    expected = sacrebleu.corpus_chrf(list(said), [list(true)]).score
    assert chrf(ones @ table_of(map(chrf_counts, said, true), 18))[0] == pytest.approx(expected)


@given(corpora, st.integers(0, 9))
def test_a_resample_is_scored_as_its_rows_are(rows, seed):
    drawn = np.random.default_rng(seed).integers(len(rows), size=len(rows))
    said, true = zip(*rows, strict=True)
    weights = np.bincount(drawn, minlength=len(rows))[None].astype(float)
    whole = weighted_scores(true, Written.of(said))(weights)
    again = [rows[row] for row in drawn]
    alone = weighted_scores([b for _, b in again], Written.of([a for a, _ in again]))
    for name, values in alone(np.ones((1, len(rows)))).items():
        assert whole[name] == pytest.approx(values, nan_ok=True)


def test_what_was_not_written_or_foretold_has_no_score():
    part = weighted_scores(["a", "b"], Written({0: "a"}, 2))(np.ones((1, 2)))
    assert set(part) == {"perplexity", "token_accuracy"}
    assert np.isnan(part["perplexity"]).all()


def test_a_row_is_worth_what_decides():
    assert by_row(["a b"], ["a b"], "rougeL").tolist() == [1]
    assert by_row(["ab"], ["ab"], "chrf").tolist() == [1]
    assert by_row(["", "b"], ["a", ""], "chrf").tolist() == [0, 0]


def test_baselines_suit_the_rows():
    import pandas as pd

    rows = pd.DataFrame({
        "source": ["It rains. All day long.", "It snows. Put on a hat.", "It rains! Again."],
        "target": ["It rains.", "It snows.", "It rains."],
    })  # fmt: skip
    lead, common, nearest = fit_rewriting(rows, "rougeL")
    assert [one.name for one in (lead, common, nearest)] == [
        "first sentence", "most common target", "target of the nearest source",
    ]  # fmt: skip
    asked = pd.DataFrame({"source": ["It snows! Put on a coat."]})
    assert lead.predict(asked).in_order == ["It snows!"]
    assert common.predict(asked).in_order == ["It rains."]
    assert nearest.predict(asked).in_order == ["It snows."]
