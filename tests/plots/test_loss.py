import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.legend import Legend

from nbtune.events import Controlled, Evaluated, LayersUnfrozen, RunStarted, StepsDone
from nbtune.plots.loss import POINTS, plot_loss
from nbtune.plots.smoothing import smoothed
from nbtune.plots.style import new_figure
from nbtune.testing import made_up_events


def drawn(events):
    _, axes = new_figure(6, 3)
    return plot_loss([(0.0, event) for event in events], axes[0, 0])


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_the_losses_told_are_the_losses_drawn():
    events = made_up_events(reports=8, epochs=4)
    ax = drawn(events)
    raw = next(line for line in ax.lines if line.get_label().startswith("_"))
    reports = [event for event in events if isinstance(event, StepsDone)]
    assert raw.get_xdata().tolist() == [event.step for event in reports]
    assert raw.get_ydata().tolist() == [event.loss for event in reports]
    looks = [event for event in events if isinstance(event, Evaluated)]
    assert list(lines(ax)["validation"].get_ydata()) == [event.loss for event in looks]
    assert set(lines(ax)["weights kept"].get_xdata()) == {80}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss")
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named == ["training", "validation", "weights kept"]


def test_unfreezings_are_marked_and_named_once():
    events = [*made_up_events(reports=8, epochs=4), LayersUnfrozen(20, 9), LayersUnfrozen(40, 10)]
    ax = drawn(events)
    marks = [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1]
    assert {20, 40} <= set(marks)
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named.count("one more layer trained") == 1


def test_nothing_told_is_an_empty_picture():
    ax = drawn([])
    assert len(ax.lines) == 0
    assert ax.get_legend() is None


def test_a_run_without_validation_has_its_training_loss_only():
    events = [e for e in made_up_events() if not isinstance(e, Evaluated)]
    assert [t.get_text() for t in drawn(events).get_legend().get_texts()] == ["training"]


def test_losses_that_are_not_numbers_leave_a_picture():
    events = made_up_events(reports=8)
    bad = [replace(e, loss=math.nan) if getattr(e, "step", 0) == 40 else e for e in events]
    ax = drawn(bad)
    raw = next(line for line in ax.lines if line.get_label().startswith("_"))
    assert 40 not in raw.get_xdata()
    assert np.isfinite(raw.get_ydata()).all()
    ax.figure.savefig("/dev/null", format="png")
    drawn([replace(e, loss=math.nan) if hasattr(e, "loss") else e for e in events])


def test_a_spike_among_many_reports_is_seen():
    events = [StepsDone(i, 0.0, 9.0 if i == 777 else 1.0, 0, 0, 8, 8, 0.1, 0) for i in range(5000)]
    raw = next(line for line in drawn(events).lines if line.get_label().startswith("_"))
    assert len(raw.get_xdata()) <= POINTS
    assert raw.get_ydata().max() == 9.0


def test_steps_that_a_resumed_run_did_again_are_drawn_once():
    events = made_up_events(reports=8)
    start = next(event for event in events if isinstance(event, RunStarted))
    upto = events.index(start) + 7
    again = [e for e in events if isinstance(e, StepsDone) and e.step > 40]
    ax = drawn([*events[:upto], replace(start, step=40), *again])
    raw = next(line for line in ax.lines if line.get_label().startswith("_"))
    assert raw.get_xdata().tolist() == list(range(10, 90, 10))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30))
def test_smoothing_stays_between_lowest_and_highest(values):
    found = smoothed(np.array(values))
    assert found[0] == pytest.approx(values[0])
    assert found.min() >= min(values) - 1e-9
    assert found.max() <= max(values) + 1e-9


def test_a_constant_loss_is_smoothed_to_itself():
    assert smoothed(np.full(50, 0.7)) == pytest.approx(np.full(50, 0.7))


def test_what_was_done_to_a_run_has_a_sign_of_its_own_and_is_named_once():
    asked = [Controlled(20, "change", "learning_rate", 1e-5 / i, 1e-5) for i in (1, 2)]
    ax = drawn(
        [*made_up_events(reports=8), *asked, Controlled(30, "pause"), Controlled(50, "save")]
    )
    marks = [line.get_xdata()[0] for line in ax.lines if line.get_linewidth() == 0.7]
    assert marks == [20, 30, 50]
    signs = {name: lines(ax)[name] for name in ("changed", "paused", "saved")}
    assert [list(line.get_xdata()) for line in signs.values()] == [[20], [30], [50]]
    assert len({line.get_marker() for line in signs.values()}) == 3
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named == ["changed", "paused", "saved"]
    both = [one for one in ax.get_children() if isinstance(one, Legend)]
    assert "training" in [text.get_text() for text in both[0].get_texts()], "both are there"
