import math
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtune.events import (
    BaselineScored,
    CheckpointSaved,
    Controlled,
    DataReady,
    Evaluated,
    LayersUnfrozen,
    RunStarted,
    StepsDone,
)
from nbtune.panels.chart import (
    BOTTOM,
    HEIGHT,
    LEFT,
    POINTS,
    RIGHT,
    SCORE_LEFT,
    TOP,
    WIDTH,
    Look,
    Scale,
    loss_chart,
)
from nbtune.panels.curve import WAYS, Curve
from nbtune.panels.state import RunView, fold
from nbtune.testing import made_up_events

START = next(event for event in made_up_events() if isinstance(event, RunStarted))


def drawn(events, look=Look()):  # noqa: B008 - it never changes
    svg = loss_chart(fold("r", [(0.0, event) for event in events]), look)
    return ElementTree.fromstring(svg)  # noqa: S314 - it is our own


def lines(svg):
    """Return the points of the training and the validation loss, in pixels."""
    return [
        [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in svg.iter("polyline")
    ]


def texts(svg):
    return [text.text for text in svg.iter("text")]


def report(step, loss):
    return StepsDone(step, 0.0, loss, 1e-5, 1.0, 8, 80, 0.1, 0)


def test_what_cannot_see_the_chart_hears_it():
    svg = drawn(made_up_events())
    assert svg.get("role") == "img"
    assert svg.findtext("title") == "Loss by step"
    assert svg.findtext("desc").startswith("step 400 of 400, training loss 0.")
    assert "validation loss" in svg.findtext("desc")


def other(name="other", reports=40):
    events = made_up_events(reports=reports)
    return Curve.of(fold(name, [(0.0, event) for event in events]))


def dashed(svg):
    ways = [dashes for _, dashes in WAYS]
    return [p for p in svg.iter("path") if p.get("stroke-dasharray") in ways and p.get("d")]


def test_other_runs_are_drawn_below_with_loss_and_score_and_told_apart_without_colour():
    curves = (other("one"), other("two"))
    svg = drawn(made_up_events(), Look(beside=curves))
    drawn_below = dashed(svg)
    assert len(drawn_below) == 4, "loss and score of each"
    assert len({path.get("stroke-dasharray") for path in drawn_below}) == 2
    children = list(svg)
    assert children.index(drawn_below[0]) < children.index(next(svg.iter("polyline")))
    assert "one 0." in svg.findtext("desc")
    assert dashed(drawn(made_up_events())) == []


def test_another_run_is_drawn_as_far_as_the_axis_of_this_one_reaches():
    svg = drawn(made_up_events(reports=40)[:20], Look(beside=(other(reports=400),)))
    places = [tuple(map(float, at.split())) for at in dashed(svg)[0].get("d")[1:].split("L")]
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in places)
    assert max(x for x, _ in places) > WIDTH - RIGHT - 30


def test_a_run_that_went_astray_does_not_flatten_the_curve():
    wild = replace(other(), losses=other().losses * 1e6)
    alone, beside = drawn(made_up_events()), drawn(made_up_events(), Look(beside=(wild,)))
    tall = [HEIGHT - BOTTOM - min(y for _, y in lines(svg)[0]) for svg in (alone, beside)]
    assert tall[1] > tall[0] / 2 - 1


def test_the_score_of_another_kind_is_not_drawn_beside_this_one():
    curve = replace(other(), metric="rmse")
    assert len(dashed(drawn(made_up_events(), Look(beside=(curve,))))) == 1


def test_the_legend_says_the_loss_at_the_same_step_and_where_a_run_ended_before():
    curve = Curve("x", "", np.array([10, 20]), np.array([2.0, 1.0]), np.array([]), np.array([]))
    assert [curve.at(15), curve.at(30)] == ["1.500", "1.000 at its end, step 20"]


def test_axes_are_named_with_their_units_and_lines_are_named():
    assert {"loss", "step", "training", "validation"} <= set(texts(drawn([])))


def test_losses_stand_where_they_belong():
    """Four steps, losses from 1 down to 0: from the upper left to the lower right corner."""
    start = replace(START, total_steps=4)
    svg = drawn([start, *(report(step, 1 - step / 4) for step in range(1, 5))])
    train, _ = lines(svg)
    across = (WIDTH - RIGHT - LEFT) / 4
    assert [x for x, _ in train] == pytest.approx([LEFT + across * i for i in range(1, 5)], abs=0.1)
    assert train[-1][1] == HEIGHT - BOTTOM, "a loss of 0 is on the axis"
    heights = [y for _, y in train]
    assert heights == sorted(heights)


@given(st.lists(st.floats(0, 1e6) | st.just(math.nan) | st.just(math.inf), max_size=700))
def test_no_point_leaves_the_frame(losses):
    events = [report(i + 1, loss) for i, loss in enumerate(losses)]
    train, _ = lines(drawn([replace(START, total_steps=max(1, len(losses))), *events]))
    assert len(train) <= POINTS
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in train)
    finite = [loss for loss in losses if math.isfinite(loss)]
    assert bool(train) == bool(finite)


def test_each_unfreezing_is_marked_and_gone_when_a_run_went_back_before_it():
    def marks(events):
        titles = (path.findtext("title") for path in drawn(events).iter("path"))
        return [title for title in titles if title == "one more layer trained"]

    unfrozen = [LayersUnfrozen(20, 100), LayersUnfrozen(30, 200)]
    assert len(marks([START, *unfrozen])) == 2
    assert len(marks([START, *unfrozen, replace(START, step=25)])) == 1


def test_a_run_without_a_step_is_an_empty_frame_of_the_same_size():
    empty, full = drawn([]), drawn(made_up_events())
    assert lines(empty) == [[], []]
    assert [empty.get(name) for name in ("width", "height")] == [
        full.get(name) for name in ("width", "height")
    ]


def test_one_report_is_a_dot():
    train, _ = lines(drawn([START, report(10, 2.0)]))
    assert len(train) == 2
    assert train[0] == train[1]


def test_a_rare_spike_does_not_flatten_the_curve():
    losses = [2.0] * 999
    losses[500] = 1e9
    train, _ = lines(drawn([START, *(report(i + 1, loss) for i, loss in enumerate(losses))]))
    assert min(y for _, y in train) == TOP, "it is cut off at the top"
    assert sorted(y for _, y in train)[len(train) // 2] < (TOP + HEIGHT - BOTTOM) / 2


def test_validation_has_its_own_line_with_dots_and_the_best_is_marked():
    events = made_up_events(epochs=4)
    svg = drawn(events)
    _, validation = lines(svg)
    assert len(validation) == 4
    dots = [(float(c.get("cx")), float(c.get("cy"))) for c in svg.iter("circle")]
    assert dots[1:] == validation, "the first one is in the legend"
    assert "best weights" in [title.text for title in svg.iter("title")]


def test_an_evaluation_every_step_stays_small():
    looks = [Evaluated(i, 0.1, "validation", 2.0 + i % 7, {}, 0.1) for i in range(5000)]
    chart = loss_chart(fold("r", [(0.0, event) for event in [START, *looks]]))
    assert len(chart) < 20_000
    assert chart.count("<circle") == 1


def test_a_pause_is_marked():
    svg = drawn([START, report(10, 2.0), replace(START, step=10), report(20, 1.0)])
    assert "went on here" in [title.text for title in svg.iter("title")]


def test_what_was_asked_of_a_run_is_marked():
    asked = [
        Controlled(10, "change", "learning_rate", 1e-5, 2e-5, 100),
        Controlled(12, "change", "early_stopping_patience", None, 3, 100),
        Controlled(15, "pause"),
    ]
    svg = drawn([START, report(10, 2.0), *asked, report(20, 1.0)])
    words = [title.text for title in svg.iter("title")]
    assert words[1:] == ["learning_rate 1e-05", "early_stopping_patience none", "paused"]
    slider = [Controlled(i, "change", "learning_rate", 1e-5 * i, 1e-5) for i in range(2000)]
    assert len(loss_chart(fold("r", [(0.0, event) for event in [START, *slider]]))) < 20_000


@pytest.mark.parametrize("total", [1, 2, 3, 7, 2000, 123_456, 5_000_000])
def test_steps_are_whole_numbers_that_do_not_touch(total):
    svg = drawn([replace(START, total_steps=total)])
    marks = [
        (float(text.get("x")), text.text.replace(",", ""))
        for text in svg.iter("text")
        if text.get("text-anchor") == "middle"
    ]
    assert all(mark.isdigit() for _, mark in marks)
    assert 2 <= len(marks) <= 8
    sizes = [(x - 3.2 * len(mark), x + 3.2 * len(mark)) for x, mark in marks]
    assert all(a[1] < b[0] for a, b in pairwise(sizes))
    assert sizes[-1][1] <= WIDTH


@given(st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_are_inside_and_not_many_more_than_asked_for(high, count):
    ticks = Scale(0, high, 0, 100).ticks(count)
    assert 2 <= len(ticks) <= 2 * count + 1
    assert all(-1e-6 <= pixel <= 100 + 1e-6 for pixel, _ in ticks)


def test_a_hundred_thousand_reports_are_drawn_in_milliseconds_and_few_bytes():
    view = RunView("r")
    view.apply(replace(START, total_steps=100_000))
    view.steps.extend(range(100_000))
    view.losses.extend([1.0, 2.0] * 50_000)
    assert len(loss_chart(view)) < 8_000


def paths(svg):
    return [path.get("d").lstrip("M") for path in svg.iter("path")]


def read_outs(svg):
    """Return where a pointer meets each strip, and what is said there."""
    found = [group for group in svg.iter("g") if group.get("class") == "nbt-at"]
    return [(float(g.find("path").get("d")[1:].split()[0]), g.find("text").text) for g in found]


@pytest.mark.parametrize(("step", "last"), [(3, "10"), (25, "30"), (130, "150"), (1999, "2,000")])
def test_the_axis_of_steps_grows_with_them(step, last):
    svg = drawn([replace(START, total_steps=15_000), report(step, 1.0)])
    marks = [t.text for t in svg.iter("text") if t.get("text-anchor") == "middle"]
    assert marks[-1] == last
    assert lines(svg)[0][-1][0] <= WIDTH - RIGHT


def test_a_scale_of_ratios_keeps_equal_ratios_equally_far_apart():
    events = [replace(START, total_steps=4), *(report(i, 10.0 / 10**i) for i in range(1, 4))]
    train, _ = lines(drawn(events, Look(is_log=True)))
    heights = [y for _, y in train]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.2)
    assert {"0.01", "0.1", "1"} <= set(texts(drawn(events, Look(is_log=True))))


@given(
    st.lists(st.floats(0, 1e6) | st.just(math.nan), max_size=60),
    st.floats(0, 0.99),
    st.booleans(),
    st.integers(0, 99),
    st.integers(1, 100),
)
def test_however_it_is_looked_at_no_point_leaves_the_frame(losses, smoothing, is_log, low, size):
    look = Look(smoothing, is_log, (low / 100, min(100, low + size) / 100))
    events = [report(i + 1, loss) for i, loss in enumerate(losses)]
    train, _ = lines(drawn([replace(START, total_steps=100), *events], look))
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in train)


def test_a_smoothed_line_stands_above_the_faint_one():
    events = [START, *(report(i, 1.0 + i % 2) for i in range(1, 50))]
    svg = drawn(events, Look(smoothing=0.9))
    mean = next(d for d in paths(svg) if d.count("L") == 48)
    heights = [float(point.split(",")[1]) for point in mean.split("L")]
    train, _ = lines(svg)
    assert max(heights[10:]) - min(heights[10:]) < 0.2 * abs(train[0][1] - train[1][1])


def test_half_of_the_steps_fill_the_frame_and_show_their_own_heights():
    events = [START, *(report(i, 10.0 if i < 50 else 1 + i / 100) for i in range(1, 101))]
    train, _ = lines(drawn(events, Look(share=(0.5, 1.0))))
    assert train[0][0] == LEFT
    assert train[-1][0] == pytest.approx(WIDTH - RIGHT)
    assert max(y for _, y in train) - min(y for _, y in train) > 0.8 * (HEIGHT - BOTTOM - TOP)


def test_the_pointer_reads_the_step_under_it_and_the_evaluation_there():
    events = [replace(START, total_steps=100), *(report(i, i / 10) for i in range(1, 101))]
    events.append(Evaluated(100, 1.0, "validation", 3.25, {}, 0.1))
    told = read_outs(drawn(events))
    for x, words in told:
        step, loss = words.removeprefix("step ").split(", ")[0].split(": ")
        assert float(loss) == int(step) / 10
        across = LEFT + int(step) / 100 * (WIDTH - RIGHT - LEFT)
        assert x - 4 <= across <= x + 16
    assert told[-1][1].endswith("validation 3.250 at 100")
    assert read_outs(drawn([START])) == []


def test_the_score_stands_beside_the_loss_with_the_best_baseline():
    baselines = [
        BaselineScored("majority", "validation", {"f1_macro": 0.1}),
        BaselineScored("TF-IDF", "validation", {"f1_macro": 0.8}),
    ]
    looks = [Evaluated(i * 10, i, "validation", 1.0, {"f1_macro": i / 4}, 0.1) for i in (1, 2, 3)]
    svg = drawn([*baselines, START, *looks])
    assert {"f1_macro 0.750", "TF-IDF"} <= set(texts(svg))
    assert "majority" not in texts(svg)
    curve = next(d for d in paths(svg) if d.count("L") == 2)
    points = [tuple(map(float, point.split(","))) for point in curve.split("L")]
    assert all(x >= SCORE_LEFT for x, _ in points)
    assert [y for _, y in points] == sorted([y for _, y in points], reverse=True)


def test_without_validation_rows_the_loss_has_the_whole_width():
    data = DataReady({"train": 10}, {}, {})
    assert "f1_macro" not in texts(drawn([data, START]))
    train, _ = lines(drawn([data, replace(START, total_steps=10), report(10, 1.0)]))
    assert train[-1][0] > SCORE_LEFT


def test_the_newest_checkpoint_is_marked():
    saved = [CheckpointSaved(5, 0.1, 1), CheckpointSaved(8, 0.1, 1)]
    svg = drawn([START, report(10, 1.0), *saved])
    assert [t.text for t in svg.iter("title")].count("last checkpoint") == 1


def test_what_was_done_has_a_sign_of_its_own_a_legend_and_words_where_the_pointer_is():
    done = [
        Controlled(20, "change", "learning_rate", 1e-5, 1e-4),
        Controlled(40, "pause"),
        Controlled(60, "evaluate"),
    ]
    reports = [report(step, 1.0) for step in range(10, 90, 10)]
    svg = drawn([START, *reports, *done, CheckpointSaved(80, 0.1, 9)])
    assert [name for name in texts(svg) if name in LEGEND] == [
        "changed",
        "paused",
        "saved",
        "scored",
    ]
    told = {"learning_rate 1e-05", "paused", "scored", "last checkpoint"}
    titled = [path for path in svg.iter("path") if path.findtext("title") in told]
    shapes = {path.get("d").partition(" ")[2] for path in titled}
    assert len(shapes) == 4, "alike without colour"
    said = " ".join(
        group.findtext("text") for group in svg.iter("g") if group.get("class") == "nbt-at"
    )
    assert all(words in said for words in told)
    bare = drawn([START, *reports])
    assert not set(LEGEND) & set(texts(bare))


LEGEND = ("changed", "paused", "went on", "saved", "scored")
