import time
from types import SimpleNamespace

import pytest

from nbtune.engine.control import Control
from nbtune.events import Notice, StepsDone
from nbtune.panels import live_card, panel
from nbtune.panels.live_card import LARGEST_SHARE, MOST_LETTERS, CardView
from nbtune.panels.panel import Panel
from nbtune.panels.state import fold
from nbtune.recipe import Recipe
from nbtune.testing import made_up_events


class Place:
    """Where a card is displayed; counts the letters that it is sent."""

    def __init__(self):
        self.sent = []

    def update(self, bundle, raw):
        self.sent.append(sum(map(len, bundle.values())))


@pytest.fixture
def place(monkeypatch):
    place = Place()
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: place)
    return place


def test_a_card_comes_the_less_often_the_more_it_sends(place):
    card = CardView("r")
    card.catch_up(made_up_events()[:-1])
    card.cost = 0.0
    assert place.sent[-1] > 10_000
    assert place.sent[-1] / card.interval == pytest.approx(MOST_LETTERS)


def test_what_is_drawn_before_its_time_puts_off_what_comes_after_but_not_the_first_curve(place):
    card = CardView("r")
    began, *reports = made_up_events()[4:8]
    card(Notice("one"))
    card(Notice("two"))
    assert card.due > time.monotonic() + card.interval
    card(began)
    drawn = len(place.sent)
    card(reports[0])
    assert len(place.sent) == drawn + 1
    card(reports[1])
    assert len(place.sent) == drawn + 1, "not due"


def test_a_drawing_that_other_processes_slow_is_paid_for_by_the_clock(place, monkeypatch):
    card = CardView("r")
    card._draw = lambda: 0
    for by_clock, worked, paid in ((0.03, 0.01, 0.03), (60, 0.01, 0.1)):
        clock, work = iter((0, by_clock)), iter((0, worked))
        own = SimpleNamespace(
            perf_counter=clock.__next__, thread_time=work.__next__, monotonic=time.monotonic
        )
        monkeypatch.setattr(live_card, "time", own)
        card.cost = 0.0
        card.refresh()
        assert card.interval == pytest.approx(paid / LARGEST_SHARE)


def test_steps_draw_nothing_below_the_chart(monkeypatch):
    events = [(0.0, event) for event in made_up_events()]
    steps = next(i for i in range(20, 40) if isinstance(events[i][1], StepsDone))
    shown = Panel(Control(Recipe()), fold("r", events[:steps]))
    drawn = []
    monkeypatch.setattr(panel, "card_rest", lambda view: drawn.append(view) or "")
    shown.show(fold("r", events[: steps + 1]))
    assert drawn == []
    shown.show(fold("r", [*events[:steps], (0.0, Notice("one"))]))
    assert len(drawn) == 1


def test_only_what_has_changed_is_sent_and_counted():
    events = [(0.0, event) for event in made_up_events()]
    control = Control(Recipe())
    view = fold("r", events[:20])
    shown = Panel(control, view)
    assert shown.show(view) == 0
    told = fold("r", events[:21])
    assert shown.show(told) == len(shown.course.value)
