import pytest

from nbtune.plots.rates import plot_rates
from nbtune.plots.style import new_figure
from nbtune.records import RateSearch


def search(losses, rates=48):
    """A search of four decades from 1e-6 on."""
    tried = tuple(1e-6 * 10 ** (4 * i / (rates - 1)) for i in range(rates))
    return RateSearch("minilm", "full", tried, tuple(losses), 5e-5, 12.0)


VALLEY = [2.5 - 1.5 * (i / 36) ** 4 for i in range(37)] + [1 + 0.3 * i for i in range(1, 6)]


def test_a_fifth_of_the_rate_with_the_lowest_loss_is_suggested():
    record = search(VALLEY)
    assert record.rates[record.lowest] == pytest.approx(1e-3, rel=0.2)
    assert record.suggestion == 2e-4


def test_one_lucky_batch_does_not_make_the_lowest_loss():
    lucky = list(VALLEY)
    lucky[10] = 0.5
    assert abs(search(lucky).lowest - search(VALLEY).lowest) <= 1


def test_where_nothing_is_learnt_nothing_is_suggested():
    assert search([2.5, 2.45] * 20).suggestion is None
    assert search([]).suggestion is None


def test_the_suggested_and_the_usual_rate_are_drawn_and_named():
    record = search(VALLEY)
    ax = new_figure(6, 3)[1][0, 0]
    plot_rates(record, ax)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["training loss", "usual 5e-05", f"suggested {record.suggestion:g}"]
    assert ax.get_xscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate", "loss")
    assert len(ax.lines[0].get_xdata()) == len(VALLEY)


def test_a_search_that_found_nothing_is_drawn_without_a_suggestion():
    ax = new_figure(6, 3)[1][0, 0]
    plot_rates(search([2.5] * 30), ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "training loss",
        "usual 5e-05",
    ]
