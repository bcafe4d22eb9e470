from nbtune.panels.series import Series
from nbtune.panels.state import RunView, fold
from nbtune.testing import made_up_events


def run(title, events=None):
    return fold(title, [(0.0, event) for event in events or made_up_events()])


def test_the_run_that_trains_is_drawn_over_those_before_it(read_html):
    series = Series(run("topics@1"))
    assert series.html() == ""
    series.begin("topics_seed1@1")
    for event in made_up_events()[:25]:
        series(event)
    page = read_html(series.html())
    assert "topics_seed1@1" in page.text
    assert "topics@1 0." in page.text
    series.add(run("topics_seed1@1"))
    assert series.html() == "", "between two runs"
    series.begin("topics_seed2@1")
    assert "topics_seed1@1" in read_html(series.html()).text


def test_of_many_the_first_and_the_last_ones_are_drawn(read_html):
    series = Series(run("topics@1"))
    for seed in range(1, 9):
        series.add(RunView(f"seed{seed}"))
    series.begin("seed9")
    text = read_html(series.html()).text
    assert [name in text for name in ("topics@1", "seed4", "seed5", "seed8")] == [
        True, False, True, True,
    ]  # fmt: skip
