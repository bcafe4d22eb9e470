import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.data.answers import Answer, Answers, answers_in, without_space

CONTEXT = "ab cd ef gh"
PLACES = np.array([(0, 0), (0, 0), (0, 2), (3, 5), (6, 8), (9, 11), (0, 0)])


def logits(start, end):
    """Point at a start and an end token."""
    found = np.zeros((len(PLACES), 2), dtype=np.float32)
    found[start, 0] = found[end, 1] = 5
    return found


def test_the_piece_that_is_pointed_at_is_the_answer():
    found = answers_in(CONTEXT, [(logits(3, 4), PLACES)], 30)
    assert (found.chosen.text, found.chosen.start, found.chosen.end) == ("cd ef", 3, 8)


def test_no_answer_is_longer_than_allowed():
    found = answers_in(CONTEXT, [(logits(2, 5), PLACES)], 2)
    assert all(len(one.text.split()) <= 2 for one in found.best)


def test_a_piece_outside_the_context_is_never_the_answer():
    found = answers_in(CONTEXT, [(logits(1, 6), PLACES)], 30)
    assert all(one.text and one.text == CONTEXT[one.start : one.end] for one in found.best)


def test_no_answer_wins_by_the_first_token_and_the_threshold():
    sure = logits(0, 0)
    assert answers_in(CONTEXT, [(sure, PLACES)], 30, threshold=0.0).chosen.text == ""
    assert answers_in(CONTEXT, [(sure, PLACES)], 30, threshold=20.0).chosen.text != ""
    assert answers_in(CONTEXT, [(sure, PLACES)], 30).chosen.text != ""
    # One window that holds the answer is enough.
    both = [(sure, PLACES), (logits(3, 4), PLACES)]
    assert answers_in(CONTEXT, both, 30, threshold=0.0).chosen.text == "cd ef"


numbers = st.floats(-5, 5, width=32)


@given(
    st.lists(
        st.lists(st.tuples(numbers, numbers), min_size=len(PLACES), max_size=len(PLACES)),
        min_size=1,
        max_size=3,
    ),
    st.integers(1, 4),
)
def test_answers_are_those_of_trying_every_piece(windows, longest):
    own = [(np.array(one, dtype=np.float32), PLACES) for one in windows]
    found = answers_in(CONTEXT, own, longest, threshold=0.0)
    scores, every = {}, []
    for each, _ in own:
        for a in range(2, 6):
            for b in range(a, min(6, a + longest)):
                score = float(each[a, 0]) + float(each[b, 1])
                every.append(score)
                span = int(PLACES[a, 0]), int(PLACES[b, 1])
                scores[span] = max(score, scores.get(span, -np.inf))
    null = min(float(each[0].sum()) for each, _ in own)
    best = max(scores.values())
    assert scores[found.best[0].start, found.best[0].end] == pytest.approx(best)
    assert found.null_difference == pytest.approx(null - best, abs=1e-5)
    total = np.logaddexp.reduce([*every, null])
    assert found.best[0].probability == pytest.approx(np.exp(best - total), rel=1e-4)
    assert [one.probability for one in found.best] == sorted(
        (one.probability for one in found.best), reverse=True
    )


def test_white_space_is_no_part_of_an_answer():
    assert without_space("a  bc d", 1, 6) == (3, 5)


def test_no_answer_stands_among_the_ranked_ones_where_it_may_be():
    best = (Answer("a", 0, 1, 0.5), Answer("b", 2, 3, 0.1))
    found = Answers(best, -1.0, 0.3, 0.0)
    assert [one.text for one in found.ranked(3)] == ["a", "", "b"]
    assert [one.text for one in Answers(best).ranked(3)] == ["a", "b"]
