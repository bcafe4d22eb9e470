import math

from nbtune.plots.estimate import plot_parts
from nbtune.plots.style import new_figure


def drawn(parts, **options):
    _, axes = new_figure(5, 2)
    ax = plot_parts(parts, axes[0, 0], unit="s", **options)
    return [bar.get_width() for bar in ax.patches], [t.get_text() for t in ax.get_legend().texts]


def test_a_bar_holds_the_parts_that_are_known():
    widths, names = drawn({"steps": 3.0, "nothing": 0.0, "unknown": math.nan, "evaluations": 1.0})
    assert widths == [3, 1]
    assert names == ["steps 3.00", "evaluations 1.00"]


def test_a_limit_is_drawn_where_it_is_near():
    assert "there is 1,250" in drawn({"weights": 1000.0}, limit=1250)[1]
    assert drawn({"weights": 1000.0}, limit=12500)[1] == ["weights 1,000"]
