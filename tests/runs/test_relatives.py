import pytest

from nbtune.events import PhaseStarted
from nbtune.runs import RunStore
from nbtune.runs.relatives import relatives


@pytest.fixture
def made(tmp_path):
    """Make runs that began one after the other."""
    store, count = RunStore(tmp_path), 0

    def make(name, *, task="text-classification", part=None, is_empty=False):
        nonlocal count
        count += 1
        run = store.create(name)
        about = {"created": count, "task": task}
        run.describe(about | ({"part": {"of": part}} if part else {}), "seed: 1\n")
        if not is_empty:
            run.append(PhaseStarted("training"))
        return run

    return make


def titles(run, most=9):
    return [other.title for other in relatives(run, most)]


def test_the_same_name_and_its_seeds_come_first_and_then_the_newest(made):
    made("spam")
    made("spam_seed1", part="spam@1")
    made("news")
    made("mails")
    own = made("spam")
    assert titles(own) == ["spam_seed1@1", "spam@1", "mails@1", "news@1"]
    assert titles(own, 2) == ["spam_seed1@1", "spam@1"]


def test_a_seed_is_near_to_its_run_and_to_other_seeds(made):
    made("spam")
    made("spam_seed1", part="spam@1")
    made("news")
    own = made("spam_seed2", part="spam@1")
    assert titles(own)[:2] == ["spam_seed1@1", "spam@1"]


def test_runs_of_other_tasks_and_without_a_history_are_left_out(made):
    made("names", task="token-classification")
    made("spam", is_empty=True)
    assert titles(made("spam")) == []
