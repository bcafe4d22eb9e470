from dataclasses import replace

import pytest

from nbtune.events import (
    BaselineScored,
    Controlled,
    Evaluated,
    EvaluationProgress,
    Notice,
    PhaseStarted,
    RunStarted,
    RunStopped,
    StepsDone,
)
from nbtune.panels.state import RECENT_SECONDS, WORDS, fold
from nbtune.testing import made_up_events

START = RunStarted(
    0, 100, 50, "text-classification", "minilm", "full", 9, 9, "cpu", "fp32", "packed", "f1_macro"
)


def seen(*events):
    return fold("topics", [(0.0, event) for event in events])


def report(step, seconds=1.0, rows=80, loss=1.0):
    return StepsDone(step, step / 50, loss, 1e-5, 1.0, rows, 10 * rows, seconds, 0)


def look(step, f1=0.5, best=True):
    return Evaluated(step, step / 50, "validation", 1.0, {"f1_macro": f1}, 1.0, best)


@pytest.mark.parametrize(
    ("events", "status", "words"),
    [
        ([], "starting", "starting"),
        ([PhaseStarted("tokenising")], "starting", "tokenising"),
        ([PhaseStarted("training"), START], "running", "running"),
        ([START, EvaluationProgress("validation", 3, 9)], "running", "scoring validation rows"),
        ([START, PhaseStarted("saving")], "running", "saving"),
        ([START, RunStopped(9, "finished")], "finished", "finished"),
        ([START, RunStopped(9, "stopped early")], "finished", WORDS["stopped early"]),
        ([START, RunStopped(9, "interrupted")], "paused", "paused"),
        ([START, RunStopped(9, "failed")], "failed", "failed"),
        ([START, RunStopped(9, "killed")], "interrupted", "interrupted: its process ended"),
        ([START, RunStopped(9, "interrupted"), PhaseStarted("training")], "running", "running"),
    ],
)  # fmt: skip
def test_the_state_is_said_in_a_word_and_in_words(events, status, words):
    view = seen(*events)
    assert (view.status, view.words) == (status, words)


def test_scoring_ends_with_its_last_row_or_its_result():
    under_way = EvaluationProgress("validation", 3, 9)
    assert seen(START, under_way, EvaluationProgress("validation", 9, 9)).progress is None
    assert seen(START, under_way, look(10)).progress is None


def test_all_reports_become_points():
    view = seen(*made_up_events(reports=40))
    assert list(view.steps) == list(range(10, 410, 10))
    assert len(view.losses) == 40
    assert (view.step, view.share) == (400, 1.0)


def test_a_resumed_run_forgets_what_came_after_its_checkpoint():
    view = seen(
        START, report(10), look(10), report(20), look(20, 0.9), RunStopped(20, "interrupted"),
        replace(START, step=10),
    )  # fmt: skip
    assert list(view.steps) == [10]
    assert [event.step for event in view.evaluations] == [10]
    assert view.best.step == 10
    assert view.step == 10
    assert view.pauses == [10]
    view.apply(report(20))
    assert list(view.steps) == [10, 20]


def test_a_run_that_begins_again_forgets_all_steps():
    """It was killed before its first checkpoint."""
    view = seen(START, report(10), look(10), START, report(5))
    assert list(view.steps) == [5]
    assert (view.evaluations, view.pauses) == ([], [])


def test_rates_are_those_of_the_last_ten_seconds():
    slow = [report(10 * i, seconds=1.0, rows=80) for i in range(1, 21)]
    fast = [report(200 + 10 * i, seconds=1.0, rows=320) for i in range(1, int(RECENT_SECONDS) + 1)]
    assert seen(START, *slow).rows_per_second == 80
    assert seen(START, *slow, *fast).rows_per_second == 320
    assert seen(START, *slow, *fast).tokens_per_second == 3200
    assert seen(START).rows_per_second is None


def test_the_time_left_is_that_of_the_remaining_steps_at_the_present_rate():
    """Two steps a second, 80 of 100 still to go."""
    reports = [report(step, seconds=5.0) for step in (10, 20)]
    assert seen(START, *reports).seconds_left == pytest.approx(40)
    assert seen(START).seconds_left is None
    assert seen(START, *reports, RunStopped(20, "finished")).seconds_left is None


def test_the_time_left_of_a_resumed_run_counts_from_where_it_went_on():
    view = seen(replace(START, step=60), report(70, seconds=10.0))
    assert view.seconds_left == pytest.approx(30)


def test_the_best_is_the_last_that_no_earlier_one_beat():
    view = seen(START, look(10, 0.5), look(20, 0.7), look(30, 0.6, best=False))
    assert view.best.step == 20
    view.apply(RunStopped(30, "finished", best_step=20))
    assert view.best.step == 20
    assert seen(START).best is None


def test_the_weights_a_run_keeps_decide_what_is_best():
    view = seen(START, look(10, 0.5), look(20, 0.4, best=False), RunStopped(20, "finished", 20))
    assert view.best.step == 20


def test_notices_and_baselines_are_kept_in_order():
    told = [Notice("one"), BaselineScored("majority", "validation", {}), Notice("two", "warning")]
    view = seen(*told)
    assert [notice.text for notice in view.notices] == ["one", "two"]
    assert [scored.name for scored in view.baselines] == ["majority"]


def test_reports_with_no_time_between_them_do_no_harm():
    view = seen(START, *(report(step, seconds=0.0) for step in range(1, 50)))
    assert view.rows_per_second is None
    assert view.seconds_left == 0


def test_a_pause_is_said_and_more_epochs_move_the_end():
    view = fold("run", [(0.0, event) for event in made_up_events()[:8]])
    total = view.start.total_steps
    view.apply(Controlled(20, "pause"))
    assert view.words == "paused: waiting to go on"
    view.apply(Controlled(20, "change", "num_train_epochs", 8.0, 4.0, 2 * total))
    view.apply(Controlled(20, "resume"))
    assert (view.words, view.start.total_steps) == ("running", 2 * total)
    assert [event.action for event in view.controls] == ["pause", "change", "resume"]
