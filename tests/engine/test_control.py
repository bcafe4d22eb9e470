"""Steering a run while it trains: what is asked happens between two steps, and is remembered."""

import threading
import time
from itertools import pairwise

import pytest
import torch

from nbtune.engine.control import Control
from nbtune.errors import RecipeError, RunError
from nbtune.events import (
    CheckpointSaved,
    Controlled,
    Evaluated,
    Notice,
    RunStarted,
    StepsDone,
    as_it_stands,
)
from nbtune.recipe import Recipe


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def at(wanted, act):
    """Return a listener that acts when these steps have been reported."""
    steps = [wanted] if isinstance(wanted, int) else list(wanted)

    def listen(event):
        if isinstance(event, StepsDone) and steps and event.step == steps[0]:
            steps.pop(0)
            act()

    return listen


def rates(work):
    return [event.learning_rate for event in work.told(StepsDone)]


def linear(step, total, warmup=0):
    return step / warmup if step < warmup else 1 - (step - warmup) / (total - warmup)


def asked(work):
    return [(e.step, e.action, e.setting, e.value, e.before) for e in work.told(Controlled)]


def test_a_changed_rate_scales_the_schedule_from_the_next_step(lab):
    plain, steered = lab(), lab()
    plain.train()
    steered.train(listen=at(2, lambda: steered.control.change(learning_rate=1e-4)))
    expected = [rate if i < 2 else rate / 10 for i, rate in enumerate(rates(plain))]
    assert rates(steered) == pytest.approx(expected)
    assert asked(steered) == [(2, "change", "learning_rate", 1e-4, 1e-3)]


def test_more_epochs_stretch_the_schedule_to_the_new_end(lab):
    work = lab(num_train_epochs=2, warmup_steps=0)
    outcome = work.train(listen=at(4, lambda: work.control.change(epochs=3)))
    assert outcome.stopped.step == 9
    expected = [1e-3 * linear(step, 6 if step < 4 else 9) for step in range(9)]
    assert rates(work) == pytest.approx(expected)
    assert work.told(Controlled)[0].total_steps == 9
    assert [event.step for event in work.told(Evaluated)] == [3, 6, 9]


def test_fewer_epochs_than_are_done_end_the_run_with_a_last_score(lab):
    work = lab(num_train_epochs=9)
    outcome = work.train(listen=at(4, lambda: work.control.change(num_train_epochs=1)))
    assert (outcome.stopped.reason, outcome.stopped.step) == ("finished", 4)
    assert [event.step for event in work.told(Evaluated)] == [3, 4]


def test_epochs_replace_a_number_of_steps(lab):
    work = lab(max_steps=2)
    assert work.train(listen=at(1, lambda: work.control.change(epochs=1))).stopped.step == 3


def test_a_changed_interval_and_patience_are_heeded(lab):
    work = lab(num_train_epochs=9, learning_rate=1e-9)
    change = {"eval_steps": 1, "early_stopping_patience": 2}
    outcome = work.train(listen=at(4, lambda: work.control.change(**change)))
    assert [event.step for event in work.told(Evaluated)] == [3, 5, 6]
    assert (outcome.stopped.reason, outcome.stopped.step) == ("stopped early", 6)
    assert [name for _, _, name, *_ in asked(work)] == ["eval_steps", "early_stopping_patience"]


def test_no_interval_is_once_an_epoch_again(lab):
    work = lab(eval_steps=1)
    work.train(listen=at(2, lambda: work.control.change(eval_steps=None)))
    assert [event.step for event in work.told(Evaluated)] == [1, 2, 3, 6]


def test_a_checkpoint_and_a_score_come_when_they_are_asked_for(lab):
    work = lab()
    work.train(listen=at((1, 2), lambda: (work.control.save(), work.control.evaluate())))
    assert [event.step for event in work.told(CheckpointSaved)][:2] == [1, 1]
    assert [event.step for event in work.told(Evaluated)] == [1, 2, 3, 6]
    assert [(step, what) for step, what, *_ in asked(work)] == [
        (step, what) for step in (1, 2) for what in ("save", "evaluate")
    ]


def test_a_score_asked_for_never_counts_against_patience(lab):
    work = lab(num_train_epochs=3, early_stopping_patience=2, learning_rate=1e-9)
    outcome = work.train(listen=at((4, 5), lambda: work.control.evaluate()))
    assert (outcome.stopped.reason, outcome.stopped.step) == ("finished", 9)


def test_weights_that_a_score_asked_for_found_best_are_kept(lab):
    work = lab()
    training = work.training(at(2, lambda: work.control.evaluate()))
    scores = iter([0.9, 0.1, 0.1])
    object.__setattr__(training.job, "score", lambda logits: {"accuracy": next(scores)})
    assert training.run().stopped.best_step == 2


@pytest.fixture
def paused(lab):
    """A run that pauses after its second step, trained by another thread."""
    work, ended = lab(num_train_epochs=3), []
    training = work.training(at(2, lambda: work.control.pause()))
    thread = threading.Thread(target=lambda: ended.append(training.run()))
    thread.start()
    wait_for(lambda: work.told(Controlled))
    yield work, thread, ended
    work.control.stop()
    thread.join(10)


def wait_for(true):
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def test_a_pause_saves_waits_and_goes_on_to_the_same_end(lab, paused):
    work, thread, ended = paused
    assert [event.step for event in work.told(CheckpointSaved)] == [2]
    steps = len(work.told(StepsDone))
    began, cpu = time.monotonic(), time.process_time()
    time.sleep(0.3)
    assert time.process_time() - cpu < 0.15, "it sleeps"
    assert len(work.told(StepsDone)) == steps
    assert work.control.status == "paused"
    work.control.resume()
    thread.join(20)
    assert time.monotonic() - began > 0.3
    assert [what for _, what, *_ in asked(work)] == ["pause", "resume"]
    assert all(event.seconds < 0.25 for event in work.told(StepsDone)), "a pause is no work"
    assert ended[0].stopped.seconds < time.monotonic() - began + 1
    whole = lab(num_train_epochs=3)
    whole.train()
    assert same(whole.weights(), work.weights())


def test_a_paused_run_is_steered_too(paused):
    work, thread, ended = paused
    work.control.change(learning_rate=1e-4)
    work.control.evaluate()
    wait_for(lambda: work.told(Evaluated))
    assert work.told(Evaluated)[0].step == 2
    work.control.stop()
    thread.join(20)
    assert (ended[0].stopped.reason, ended[0].stopped.step) == ("interrupted", 2)
    assert ended[0].stopped.message == "stopped by hand"


def test_pausing_twice_or_resuming_nothing_changes_nothing(lab):
    work = lab()
    outcome = work.train(listen=at(2, lambda: work.control.resume()))
    assert outcome.stopped.reason == "finished"
    assert work.told(Controlled) == []


def test_what_is_asked_before_the_first_step_waits_for_it(lab):
    work = lab()
    training = work.training()
    work.control.change(learning_rate=5e-4)
    training.run()
    assert asked(work) == [(0, "change", "learning_rate", 5e-4, 1e-3)]


def test_many_threads_may_ask_at_once(lab):
    work = lab(num_train_epochs=4)
    training = work.training()

    def ask(n):
        for i in range(20):
            work.control.change(learning_rate=1e-4 + (20 * n + i) * 1e-6)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    outcome = training.run()
    for thread in threads:
        thread.join()
    assert outcome.stopped.reason == "finished"
    changes = work.told(Controlled)
    assert all(b.before == a.value for a, b in pairwise(changes))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"learning_rate": 0}, "learning_rate is 0; input should be greater than 0"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; input should be a valid number"),
        ({"learning_rate": None}, "a run needs one"),
        ({"epochs": -1}, "num_train_epochs is -1"),
        ({"patience": 0}, "early_stopping_patience is 0"),
        ({"eval_steps": 1.5}, "eval_steps is 1.5"),
        ({"learning_rat": 1}, "unknown setting 'learning_rat'\n  did you mean 'learning_rate'"),
        ({"optim": "sgd"}, "optim cannot change while a run trains"),
        ({"epochs": 0, "lr": 99}, "learning_rate is 99"),
        ({}, "nothing to change"),
    ],
)
def test_what_cannot_be_is_refused_at_once(settings, says):
    control = Control(Recipe())
    with pytest.raises(RecipeError) as raised:
        control.change(**settings)
    assert says in str(raised.value)
    assert control.take(0, 0) is None, "and nothing reaches the loop"


def test_patience_needs_scores(lab):
    work = lab(eval_strategy="no")
    work.training()
    with pytest.raises(RecipeError, match="needs an eval_strategy"):
        work.control.change(early_stopping_patience=2)


def test_without_validation_rows_nothing_is_scored(lab):
    work = lab()
    work.validation = None
    work.training()
    for ask in (work.control.evaluate, lambda: work.control.change(eval_steps=3)):
        with pytest.raises(RunError, match="no validation rows"):
            ask()


def test_a_run_that_has_ended_cannot_be_steered():
    control = Control(Recipe())
    control.status = "ended"
    with pytest.raises(RunError, match="not training any more"):
        control.pause()


def test_settings_are_those_last_asked_for(lab):
    work = lab()
    work.training()
    work.control.change(lr=2e-4, eval_steps=7)
    assert work.control.settings == {
        "learning_rate": 2e-4,
        "num_train_epochs": 2,
        "eval_steps": 7,
        "early_stopping_patience": None,
    }


def steer(work):
    """Ask many things of a run, at certain steps."""
    wishes = {
        1: [{"learning_rate": 3e-3}],
        2: ["evaluate", {"epochs": 4}, {"eval_steps": 2}],
        5: ["save", {"lr": 5e-4}, {"patience": 7}],
        7: [{"lr": 1e-3}],
    }

    def listen(event):
        if isinstance(event, StepsDone):
            for wish in wishes.pop(event.step, ()):
                if isinstance(wish, dict):
                    work.control.change(**wish)
                else:
                    getattr(work.control, wish)()

    return listen


@pytest.fixture(scope="module")
def steered_course(make_lab, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)
        work = make_lab(tmp_path_factory.mktemp("steered"), early_stopping_patience=9)
        work.outcome = work.train(listen=steer(work))
    return work


def shape(work):
    history = as_it_stands((0.0, event) for event in work.events)
    return [e for _, e in history if isinstance(e, Controlled) and e.shapes_course]


def test_replaying_the_events_gives_the_same_weights(lab, steered_course):
    again = lab(early_stopping_patience=9)
    outcome = again.train(course=steered_course.told(Controlled))
    assert outcome.stopped.step == steered_course.outcome.stopped.step == 12
    assert outcome.stopped.best_step == steered_course.outcome.stopped.best_step
    assert same(steered_course.weights(), again.weights())
    assert rates(again) == rates(steered_course)
    assert shape(again) == shape(steered_course)
    plain = lab(early_stopping_patience=9)
    plain.train()
    assert not same(steered_course.weights(), plain.weights())


@pytest.mark.parametrize("stop_at", [1, 2, 3, 5, 6, 7, 9])
def test_a_steered_run_that_is_taken_up_keeps_what_was_changed(lab, steered_course, stop_at):
    cut = lab(early_stopping_patience=9)
    steering = steer(cut)

    def listen(event):
        steering(event)
        if isinstance(event, StepsDone) and event.step == stop_at:
            cut.control.stop()

    assert cut.train(listen=listen).stopped.reason == "interrupted"
    cut.model = None
    torch.manual_seed(999)
    assert cut.train(resume=True, listen=steering).stopped.reason == "finished"
    assert same(steered_course.weights(), cut.weights())
    assert shape(cut) == shape(steered_course)


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("last_words", range(3, 36, 4))
def test_a_steered_run_that_is_killed_hears_again_what_it_was_asked(
    lab, steered_course, last_words
):
    cut = lab(early_stopping_patience=9)
    steering = steer(cut)

    def die(event):
        steering(event)
        if len(cut.events) >= last_words and cut.control._wishes.empty():
            raise Killed  # what was asked and not heard yet is not in the history

    with pytest.raises(Killed):
        cut.train(listen=die)
    cut.model = None
    cut.train(resume=True, listen=steering, course=shape(cut))
    assert same(steered_course.weights(), cut.weights())
    assert shape(cut) == shape(steered_course)


def test_epochs_added_to_a_finished_run_are_part_of_its_course(lab):
    work = lab()
    work.train()
    work.recipe = work.recipe.model_copy(update={"num_train_epochs": 3})
    work.model = None
    assert work.train(resume=True).stopped.step == 9
    assert asked(work) == [(6, "change", "num_train_epochs", 3, 2)]
    again = lab()
    again.train(course=work.told(Controlled))
    assert same(work.weights(), again.weights())


def test_a_change_in_the_recipe_outweighs_one_that_was_asked_for(lab):
    work = lab(num_train_epochs=9)
    listen = at(2, lambda: (work.control.change(epochs=3, lr=5e-4), work.control.stop()))
    work.train(listen=listen)
    work.recipe = work.recipe.model_copy(update={"num_train_epochs": 1})
    work.model = None
    assert work.train(resume=True).stopped.step == 3
    assert work.told(RunStarted)[-1].total_steps == 3
    assert rates(work)[2] == pytest.approx(5e-4 * linear(2, 3, warmup=1)), "and this stays"


def test_a_wish_that_turns_out_impossible_is_told_and_passed_over(lab):
    work = lab(eval_strategy="no")
    training = work.training()
    work.control.recipe = None  # as while the model loads
    work.control.change(early_stopping_patience=2)
    assert training.run().stopped.reason == "finished"
    assert "needs an eval_strategy" in work.told(Notice)[0].text
