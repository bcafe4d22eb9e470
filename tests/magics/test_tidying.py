"""Runs are put in order from the line of %runs."""

import pytest

from nbtune.results.run_table import RunTable

TRAIN = "%%finetune {name} --data df\nmodel: ./tiny\nmax_steps: 1\nbaseline: false"


@pytest.fixture
def trained(cell):
    for name in ("one", "two"):
        assert not cell(TRAIN.format(name=name)).error
    return cell


def names(table):
    assert isinstance(table, RunTable)
    return [row.run for row in table]


def test_a_deleted_run_is_restored_with_its_model(trained):
    gone = trained("%runs one --delete")
    assert "%runs one --restore" in gone.out
    assert names(gone.value) == ["two@1"]
    back = trained("%runs --restore")
    assert names(back.value) == ["one@1", "two@1"]
    assert not trained('%predict one@1 "a cake"').error
    trained("%runs one --delete")
    assert "freed" in trained("%runs --purge").out
    assert "nothing was deleted" in trained.mistake("%runs --restore")


def test_a_note_tags_and_another_name_are_seen_in_the_table(trained):
    trained("%runs two --tag best --tag small --note 'the <b> one'")
    assert "#best #small the <b> one" in repr(trained("%runs").value.frame["note"].tolist())
    trained("%runs two --tag small")
    assert trained("%runs").value.frame["note"].tolist() == ["", "#small the <b> one"]
    assert "two is mails@1 now" in trained("%runs two --rename mails").out
    assert not trained('%predict mails "a cake"').error


def test_a_run_without_checkpoints_predicts_but_is_not_trained_further(trained):
    assert "freed" in trained("%runs one --free").out
    assert not trained('%predict one@1 "a cake"').error
    assert "cannot be trained further" in trained.mistake("%resume one@1 --epochs +1")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%runs --delete", "which run"),
        ("%runs one --delete --free", "at once"),
        ("%runs onne --delete", "did you mean 'one'"),
        ("%runs onne --note x", "did you mean 'one'"),
        ("%runs one --rename ../x", "not a name"),
    ],
)
def test_mistakes_are_said_and_change_nothing(trained, line, words):
    assert words in trained.mistake(line)
    assert names(trained("%runs").value) == ["one@1", "two@1"]
