import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.errors import RecipeError
from nbtune.records import Choice, EvaluationRecord, choices_of
from nbtune.records.thresholds import EXAMPLES
from nbtune.testing import made_up_record

shares = st.floats(0.001, 1).map(lambda share: round(share, 3))
costs = st.integers(1, 1000).map(float)
names = st.text(st.characters(exclude_categories=("C", "Z")), max_size=12)
choices = st.one_of(
    st.builds(Choice, st.sampled_from(["precision", "recall", "at"]), st.tuples(shares), names),
    st.builds(Choice, st.just("cost"), st.tuples(costs, costs), names),
    st.builds(Choice, st.sampled_from(["f1", "default"]), st.just(()), names),
)


@given(choices)
def test_a_choice_is_read_as_it_is_written(choice):
    assert Choice.of(str(choice)) == choice


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_can_be_read(text):
    assert str(Choice.of(text)) == text
    assert choices_of(text) == (Choice.of(text),)


def test_numbers_and_several_choices_are_taken():
    assert choices_of(0.3) == choices_of("0.3") == (Choice("at", (0.3,)),)
    assert [one.label for one in choices_of(["a:0.3", "b:c:f1"])] == ["a", "b:c"]
    assert choices_of(None) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("precison=0.9", "one of precision=0.95, recall=0.9"),
        ("precision=95", "precision=95 is not a share between 0 and 1"),
        ("1.5", "1.5 is not a share"),
        ("cost=5", "cost=5:1"),
        ("cost=0:1", "cost=0:1 has a cost of 0"),
        ("", "one of"),
    ],
)
def test_what_is_no_choice_is_refused_with_one_that_is(text, said):
    with pytest.raises(RecipeError) as refused:
        Choice.of(text)
    assert said in str(refused.value)


def test_operating_points_come_back_from_json():
    record = made_up_record(("ham", "spam"))
    assert len(record.operating) == 2
    assert EvaluationRecord.from_json(record.to_json()).operating == record.operating
