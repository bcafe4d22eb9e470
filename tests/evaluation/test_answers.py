import collections
import re
import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.answers import Answer, Answers
from nbtune.evaluation.answer_baselines import fit_answering
from nbtune.evaluation.answers import best_threshold, compared, judge, weighted_scores
from nbtune.evaluation.baselines import load_baselines, save_baselines
from nbtune.evaluation.tables import plain_scores
from nbtune.records import EvaluationRecord


def saying(text, difference=-np.inf, threshold=np.inf):
    return Answers((Answer(text, 0, len(text), 0.9),), difference, 0.1, threshold)


# The definition, as the script evaluate-v2.0.py of SQuAD 2 has it.
def normalised(s):
    def remove_articles(text):
        return re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text)

    def remove_punctuation(text):
        return "".join(ch for ch in text if ch not in set(string.punctuation))

    return " ".join(remove_articles(remove_punctuation(s.lower())).split())


def squad_f1(gold, said):
    gold_tokens = normalised(gold).split() if gold else []
    said_tokens = normalised(said).split() if said else []
    common = collections.Counter(gold_tokens) & collections.Counter(said_tokens)
    same = sum(common.values())
    if len(gold_tokens) == 0 or len(said_tokens) == 0:
        return int(gold_tokens == said_tokens)
    if same == 0:
        return 0
    precision, recall = 1.0 * same / len(said_tokens), 1.0 * same / len(gold_tokens)
    return (2 * precision * recall) / (precision + recall)


def squad_scores(true, said):
    exact, f1 = [], []
    for golds, one in zip(true, said, strict=True):
        golds = [gold for gold in golds if normalised(gold)] or [""]
        exact.append(max(int(normalised(gold) == normalised(one)) for gold in golds))
        f1.append(max(squad_f1(gold, one) for gold in golds))
    return {"f1": np.mean(f1), "exact_match": np.mean(exact)}


words = st.lists(
    st.sampled_from(["the", "a", "An", "King's", "king", "(1790)", "1790", "-", "x", "x.", "é"]),
    max_size=5,
).map(" ".join)


@given(st.lists(st.tuples(words, st.lists(words, max_size=3)), min_size=1, max_size=6))
def test_scores_are_those_of_squad(rows):
    said, true = [one for one, _ in rows], [own for _, own in rows]
    found = plain_scores(weighted_scores(true, [saying(one) for one in said]), len(rows))
    assert found == pytest.approx(squad_scores(true, said))


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_two_texts_are_compared_as_squad_does(one, other):
    exact, f1, _, _ = compared(one, [other])
    assert {"f1": f1, "exact_match": exact} == pytest.approx(squad_scores([[other]], [one]))


def test_the_best_of_several_answers_counts():
    assert compared("born in 1934", ["1934", "was born in 1934"])[:2] == (0, pytest.approx(6 / 7))
    assert compared("", ["x"])[:2] == (0, 0)
    assert compared("", [])[:2] == (1, 1)
    assert compared("x", [])[:2] == (0, 0)


@given(st.lists(st.tuples(st.floats(-3, 3), st.booleans(), st.booleans()), min_size=1, max_size=9))
def test_no_other_threshold_scores_higher(rows):
    true = [["x"] if has else [] for _, has, _ in rows]
    said = [saying("x" if right else "y", gap) for gap, _, right in rows]

    def at(threshold):
        own = [Answers(one.best, one.null_difference, 0.1, threshold) for one in said]
        return plain_scores(weighted_scores(true, own), len(own))["f1"]

    tried = [gap + step for gap, _, _ in rows for step in (-1e-9, 1e-9)]
    assert at(best_threshold(true, said)) >= max(map(at, [*tried, -9, 9])) - 1e-9


ROWS = pd.DataFrame(
    {
        "row": range(8),
        "question": ["Where did she live?"] * 4 + ["When was it?"] * 4,
        "context": [f"Ada {i} lived in London in 18{i}0. Nobody knows more." for i in range(8)],
        "answers": [["London"]] * 4 + [[f"18{i}0"] for i in range(4, 7)] + [[]],
        "answer_start": [[15]] * 4 + [[25]] * 3 + [[]],
    }
)


def test_a_baseline_learns_which_words_answer_which_question(tmp_path):
    fitted = fit_answering(ROWS)
    said = fitted[-1].predict(ROWS)
    assert plain_scores(weighted_scores(ROWS["answers"], said), 8)["f1"] > 0.8
    assert said[5].chosen.text == "1850"
    assert said[5].chosen.text == ROWS["context"][5][said[5].chosen.start : said[5].chosen.end]
    save_baselines(tmp_path / "baselines", fitted)
    again = load_baselines(tmp_path / "baselines")
    assert [one.predict(ROWS) for one in again] == [one.predict(ROWS) for one in fitted]


def test_the_nearest_sentence_has_the_words_of_the_question():
    said = fit_answering(ROWS)[0].predict(ROWS.assign(question="who knows?"))
    assert said[0].chosen.text == "Nobody knows more."


def test_the_record_marks_answers_where_they_stand_and_reads_back():
    far = "x " * 400
    rows = ROWS.head(2).assign(
        context=[ROWS["context"][0], f"{far}lived in London."], answer_start=[[15], [809]]
    )
    place = rows["context"][1].index("lived")
    said = [
        Answers((Answer("London", 15, 21, 0.9),)),
        Answers((Answer("lived", place, place + 5, 0.4),)),
    ]
    record = judge("run", "test", rows, said, {})
    assert EvaluationRecord.from_json(record.to_json()).to_json() == record.to_json()
    wrong, right = record.texts
    assert [wrong.text[m.start : m.end] for m in (*wrong.targets, *wrong.predictions)] == [
        "London",
        "lived",
    ]
    assert wrong.text.startswith("…")
    assert len(wrong.text) < 400
    assert wrong.title == "Where did she live?"
    assert right.targets == right.predictions
    assert [error.row for error in record.errors] == [1]
    assert [(one.label, one.f1.value) for one in record.classes] == [("Where did", 0.5)]
