import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.ragged import Ragged
from nbtune.data.spans import breaks_bio
from nbtune.evaluation.spans import decode, judge, weighted_scores
from nbtune.evaluation.tables import plain_scores
from nbtune.records import SPAN_SCORES, EvaluationRecord

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
tags = st.lists(st.sampled_from(LABELS), min_size=1, max_size=8)
rows_of_pairs = st.lists(
    st.integers(1, 8).flatmap(
        lambda n: st.tuples(
            *(st.lists(st.sampled_from(LABELS), min_size=n, max_size=n) for _ in range(2))
        )
    ),
    min_size=1,
    max_size=6,
)


@given(rows_of_pairs)
def test_scores_are_those_of_seqeval_read_strictly(pairs):
    seqeval = pytest.importorskip("seqeval.metrics")
    from seqeval.scheme import IOB2

    true, said = [list(a) for a, _ in pairs], [list(b) for _, b in pairs]
    found = plain_scores(weighted_scores(true, said), len(pairs))
    how = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    assert tuple(found) == SPAN_SCORES
    assert found["word_accuracy"] == pytest.approx(seqeval.accuracy_score(true, said))
    if any(tag.startswith("B-") for row in true for tag in row):
        assert found["span_f1"] == pytest.approx(seqeval.f1_score(true, said, **how))
        assert found["span_precision"] == pytest.approx(seqeval.precision_score(true, said, **how))
        assert found["span_recall"] == pytest.approx(seqeval.recall_score(true, said, **how))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(0, 99))
def test_what_is_told_is_a_possible_order_of_tags(lengths, seed):
    rng = np.random.default_rng(seed)
    told = decode(Ragged.of([rng.random((n, 5)) for n in lengths], np.float64), LABELS)
    assert [len(row) for row in told] == lengths
    assert all(breaks_bio(row) == "" for row in told)


@given(tags, st.integers(0, 99))
def test_sure_tags_that_are_possible_are_told_as_they_are(row, seed):
    if not breaks_bio(row):
        sure = np.full((len(row), 5), 0.01)
        sure[range(len(row)), [LABELS.index(tag) for tag in row]] = 0.96
        assert decode(Ragged.of([sure]), LABELS) == [row]


def test_the_record_reads_back_with_its_marked_texts():
    rows = pd.DataFrame(
        {
            "row": [3, 5],
            "text": ["John sleeps", "in Bonn"],
            "tokens": [["John", "sleeps"], ["in", "Bonn"]],
            "tags": [["B-PER", "O"], ["O", "B-LOC"]],
        }
    )
    sure = np.eye(5)[[[3, 0], [0, 3]]] * 0.9 + 0.02
    record = judge("run@1", "test", rows, Ragged.of(list(sure)), LABELS, {})
    again = EvaluationRecord.from_json(record.to_json())
    assert again.to_json() == record.to_json()
    assert again.texts == record.texts
    assert record.scores["span_f1"].value == pytest.approx(0.5)
    assert [one.f1.value for one in record.classes] == pytest.approx([0.0, 2 / 3])
    assert record.errors[0].target == "LOC: Bonn"
    assert record.errors[0].prediction == "PER: Bonn"
    marked = record.texts[0]
    assert marked.text[marked.targets[0].start : marked.targets[0].end] == "Bonn"
    assert record.confusion.labels == ("LOC", "PER", "O")
