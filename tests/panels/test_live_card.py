import time

import pytest

from nbtune.engine.control import Control
from nbtune.events import Notice
from nbtune.panels.live_card import MOST_LETTERS, CardView
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


def test_only_what_has_changed_is_sent_and_counted():
    events = [(0.0, event) for event in made_up_events()]
    control = Control(Recipe())
    view = fold("r", events[:20])
    panel = Panel(control, view)
    assert panel.show(view) == 0
    told = fold("r", events[:21])
    assert panel.show(told) == len(panel.top.value) + len(panel.chart.value)
