import pytest
from jinja2 import UndefinedError

from nbtune.panels import html
from nbtune.panels.html import duration, number, percent, render, size


def test_values_are_escaped(read_html):
    page = read_html(render("progress.html.j2", text="<b>&", done=1, total=2, what='"x"'))
    assert page.text == "<b>&"
    assert page.attributes["aria-label"] == ['"x"']


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(UndefinedError):
        render("progress.html.j2", text="x")


def test_templates_are_the_only_place_that_builds_html():
    """Any ``|safe`` or switched-off escaping in them would have to be looked at here."""
    loader = html._environment().loader
    for name in loader.list_templates():
        source = loader.get_source(html._environment(), name)[0]
        assert "safe" not in source, name
        assert "autoescape" not in source, name


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.8612, "0.861"), (1, "1.000"), (None, "–"), (float("nan"), "–"), (-0.04, "-0.040")],
)
def test_a_score_has_three_decimals(value, words):
    assert number(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (48.2, "48 s"),
        (59.7, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_a_time_is_written_as_people_say_it(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [(0, "0 B"), (1023, "1023 B"), (540 << 20, "540 MiB"), (3 << 29, "1.5 GiB")],
)
def test_bytes_are_written_in_units_of_1024(amount, words):
    assert size(amount) == words


def test_a_share_is_a_whole_percentage():
    assert percent(0.856) == "86 %"
