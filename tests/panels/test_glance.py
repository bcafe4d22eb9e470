import re
from dataclasses import replace

import pytest

from nbtune.events import DataReady, Evaluated
from nbtune.panels.glance import glance_html, mistake_words
from nbtune.panels.state import RunView

TOKENS = {"median": 9.0, "p95": 11.0, "max": 12.0, "truncated": 0.0}
SEEN = Evaluated(
    40,
    1.0,
    "validation",
    0.4,
    {},
    0.1,
    confusion=((8, 2), (1, 9)),
    roc=((0, 0), (0.1, 0.9), (1, 1)),
)


def view(*evaluations, labels=("ham", "spam")):
    seen = RunView("run")
    seen.apply(DataReady({"train": 9, "validation": 20}, dict.fromkeys(labels, 5), TOKENS))
    for event in evaluations:
        seen.apply(event)
    return seen


def test_it_shows_the_counts_the_worst_mistake_and_the_area():
    html = glance_html(view(SEEN))
    for words in (">8<", ">9<", "2 of 10 ham taken for spam", "area 0.900", "step 40", "of spam"):
        assert words in html


def test_it_shows_the_last_evaluation_that_has_a_matrix():
    later = replace(SEEN, step=50, confusion=((0, 10), (0, 10)))
    assert "step 50" in glance_html(view(SEEN, later))
    assert "step 40" in glance_html(view(SEEN, replace(SEEN, step=50, confusion=(), roc=())))


@pytest.mark.parametrize(
    "seen", [view(), view(replace(SEEN, confusion=())), view(SEEN, labels=("a", "b", "c"))]
)
def test_without_a_matrix_that_fits_there_is_nothing(seen):
    assert glance_html(seen) == ""


def test_a_perfect_matrix_has_no_mistakes():
    assert mistake_words(replace(SEEN, confusion=((3, 0), (0, 3))), ["a", "b"]) == "no mistakes"


def test_it_stays_small_with_many_labels():
    labels = [f"label {i}" for i in range(30)]
    counts = tuple(tuple(1 + (i * k) % 7 for k in range(30)) for i in range(30))
    curve = tuple((i / 59, (i / 59) ** 0.3) for i in range(60))
    seen = view(replace(SEEN, confusion=counts, roc=curve), labels=labels)
    assert 5_000 < len(glance_html(seen)) < 30_000


def test_no_label_becomes_markup():
    html = glance_html(view(SEEN, labels=("<script>", "b&b")))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_labels_of_several_have_a_bar_each():
    html = glance_html(
        view(replace(SEEN, confusion=(), roc=(), bars=(("<b>", 0.25), ("red", 1.0))))
    )
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert re.findall(r'width="([\d.]+)" height="11"', html) == ["75.0", "300.0"]
    assert ">0.25<" in html


def test_numbers_and_rewards_are_dots_beside_the_line_where_both_are_equal():
    seen = view(replace(SEEN, confusion=(), roc=(), dots=((1.0, 2.0), (3.0, 2.5), (5.0, 5.0))))
    html = glance_html(seen)
    assert html.count("<circle") == 3
    assert "1 of 3 above the line" in html
    assert ">true<" in html
    assert "told" in html
    one = glance_html(view(replace(SEEN, confusion=(), roc=(), dots=((2.0, 2.0),))))
    assert one.count("<circle") == 1
