import pytest


@pytest.fixture
def two(cell):
    """Two runs of one data set on disk and in the notebook."""
    recipe = "--data df --model ./tiny --max-steps 2 --baseline false"
    assert cell(f"%finetune one {recipe}").error is None
    assert cell(f"%finetune two {recipe} --learning-rate 1e-3").error is None
    return cell


def test_runs_are_compared_by_variable_and_by_name(two):
    typed = two("found = %compare one two@1 --metric accuracy --cost memory_bytes")
    assert typed.error is None
    record = two["found"].record
    assert {one.name for one in record.contenders} == {"one@1", "two@1"}
    assert (record.metric, record.cost) == ("accuracy", "memory_bytes")
    given = two("%compare one two --data df").value.record
    assert (given.split, given.rows) == ("data", 6), "the others were seen in training"


def test_mistakes_are_told_in_two_lines(two):
    assert "there is no run 'tow'" in two.mistake("%compare one tow")
    assert "one run is nothing to compare" in two.mistake("%compare one")
    assert "there is no score 'f1' to decide by" in two.mistake("%compare one two --metric f1")


def test_every_word_completes_to_a_run(two):
    from nbtune.magics.completion import complete, find_place

    text = "%compare one t"
    assert "two" in complete(find_place(text, 0, len(text)), two.shell.user_ns)[1]
