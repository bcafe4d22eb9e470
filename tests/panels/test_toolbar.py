import pytest

from nbtune.engine.control import Control
from nbtune.panels.toolbar import Toolbar
from nbtune.recipe import Recipe


@pytest.fixture
def control():
    control = Control(Recipe(learning_rate=2e-5, num_train_epochs=3))
    control.status = "running"
    return control


@pytest.fixture
def toolbar(control):
    toolbar = Toolbar(control)
    toolbar.show("running")
    return toolbar


def asked(control):
    found = []
    while control.is_asked:
        found.append(control.take(1, 0).action)
    return found


def test_each_button_asks_one_thing(control, toolbar):
    for button in (toolbar.pause, toolbar.save, toolbar.evaluate, toolbar.stop):
        button.click()
    assert asked(control) == ["pause", "save", "evaluate", "stop"]


def test_the_button_that_pauses_also_goes_on(control, toolbar):
    control.status = "paused"
    toolbar.show("paused: waiting to go on")
    assert toolbar.pause.description == "Resume"
    toolbar.pause.click()
    assert asked(control) == ["resume"]


def test_what_was_asked_is_said_until_it_is_taken_up(control, toolbar):
    toolbar.save.click()
    toolbar.show("running")
    assert "saving after this step" in toolbar.words.value
    control.take(1, 0)
    toolbar.show("running")
    assert "saving" not in toolbar.words.value


def test_the_slider_and_the_number_keep_in_step(control, toolbar):
    toolbar.slider.value = 10**-3.35
    assert toolbar.rate.value == "0.00045"
    toolbar.rate.value = "3e-5"
    assert toolbar.slider.value == pytest.approx(3e-5)
    assert control.settings["learning_rate"] == 3e-5


def test_the_slider_shows_a_rate_that_it_did_not_reach(control, toolbar):
    control.change(learning_rate=0.5)
    toolbar.show("running")
    assert (toolbar.slider.value, toolbar.rate.value) == (0.5, "0.5")
    assert asked(control) == ["change"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [("-1", "learning_rate is -1.0"), ("fast", "learning_rate is &#39;fast&#39;"), ("", "None")],
)
def test_a_rate_that_cannot_be_is_said_at_the_field_and_not_asked(control, toolbar, text, problem):
    toolbar.rate.value = text
    assert problem in toolbar.problem.value
    assert asked(control) == []
    toolbar.rate.value = "2e-05"  # as it is
    assert toolbar.problem.value == ""


def test_epochs_are_those_of_the_whole_run(control, toolbar):
    toolbar.epochs.value = "5"
    assert control.settings["num_train_epochs"] == 5


def test_without_validation_rows_there_is_nothing_to_evaluate(control, toolbar):
    control.can_evaluate = False
    toolbar.show("running")
    assert toolbar.evaluate.disabled
    assert not toolbar.save.disabled


def test_a_run_that_stops_takes_no_more_wishes(control, toolbar):
    toolbar.stop.click()
    toolbar.show("running")
    assert all(one.disabled for one in toolbar.heard)


def test_a_run_that_ended_says_so(control, toolbar):
    control.status = "ended"
    toolbar.save.click()
    assert "not training any more" in toolbar.problem.value


def test_text_from_elsewhere_is_escaped(control, toolbar):
    toolbar.rate.value = "<img src=x>"
    assert "<img" not in toolbar.problem.value


def test_every_control_says_what_it_does(toolbar):
    for one in toolbar.heard:
        assert one.tooltip
        assert one.description
