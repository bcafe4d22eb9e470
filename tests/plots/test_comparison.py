from dataclasses import replace

from nbtune.plots.comparison import comparison_figure, comparison_png, separate_figures
from nbtune.plots.cost import plot_cost
from nbtune.plots.courses import plot_courses
from nbtune.plots.pairs import plot_pairs
from nbtune.plots.style import new_figure
from nbtune.testing import made_up_comparison


def axes():
    return new_figure(4, 3)[1][0, 0]


def test_every_run_has_its_curves_and_name():
    ax = plot_courses(made_up_comparison(), axes())
    assert len(ax.lines) == 6
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "full@1", "lora@1", "head@1",
    ]  # fmt: skip


def test_the_front_is_filled_and_all_are_named():
    record = made_up_comparison()
    ax = plot_cost(record, axes())
    points = [line for line in ax.lines if line.get_marker() in ("o", "D")]
    filled = [line.get_markerfacecolor() != "none" for line in points]
    assert filled == [one.name in record.front for one in record.contenders]
    assert {text.get_text() for text in ax.texts} == {one.name for one in record.contenders}
    assert ax.get_xlabel() == "training time (s)"


def test_pairs_stand_at_their_differences():
    record = made_up_comparison()
    ax = plot_pairs(record, axes())
    points = [line for line in ax.lines if line.get_marker() == "o"]
    assert [float(line.get_xdata()[0]) for line in points] == [
        pair.difference.value for pair in record.pairs
    ]


def test_names_are_shown_as_they_are():
    record = made_up_comparison(("$x$@1", "<b>@1"))
    figure = comparison_figure(record)
    assert "$x$@1" in {text.get_text() for ax in figure.axes for text in ax.texts}
    assert comparison_png(record).startswith(b"\x89PNG")


def test_costs_that_differ_are_drawn_beside_the_one_that_is_weighed():
    record = made_up_comparison()
    labels = [ax.get_xlabel() for ax in comparison_figure(record).axes]
    assert labels == [
        "epoch",
        "training time (s)",
        "difference in f1_macro",
        "peak memory",
        "weights trained",
    ]
    assert set(separate_figures(record)) == {
        "courses", "cost", "pairs", "cost-memory_bytes", "cost-trainable_parameters",
    }  # fmt: skip


def test_a_cost_has_its_own_front():
    record = made_up_comparison()
    alike = tuple(replace(one, memory_bytes=1e9) for one in record.contenders)
    ax = plot_cost(replace(record, contenders=alike), axes(), cost="memory_bytes")
    points = [line for line in ax.lines if line.get_marker() in ("o", "D")]
    filled = [line.get_markerfacecolor() != "none" for line in points]
    assert filled == [True, False, False]
