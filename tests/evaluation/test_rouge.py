import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.evaluation.rouge import rouge_l, rouge_n

texts = st.lists(st.sampled_from(["the", "Cat", "sat", "on", "a", "mat.", "it's", "7"])).map(
    " ".join
)


@given(texts, texts)
def test_it_is_the_reference_of_google_research(target, written):
    scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="rouge-score is not installed")
    found = scorer.RougeScorer(["rouge1", "rouge2", "rougeL"]).score(target, written)
    assert rouge_n(target, written, 1) == pytest.approx(found["rouge1"].fmeasure)
    assert rouge_n(target, written, 2) == pytest.approx(found["rouge2"].fmeasure)
    assert rouge_l(target, written) == pytest.approx(found["rougeL"].fmeasure)


def test_letters_of_other_languages_count():
    assert rouge_l("Müller läuft zur Straße", "Müller läuft zur Straße") == 1
    assert rouge_n("кот сидел", "кот бежал", 1) == pytest.approx(0.5)
    assert rouge_n("", "a") == rouge_l("a", "") == 0
