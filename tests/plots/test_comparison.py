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
        "peak memory",
        "weights trained",
        "difference in f1_macro",
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


def test_it_is_no_wider_than_a_narrow_page_can_show():
    two, five = (made_up_comparison(names) for names in (("a@1", "b@1"), "abcde"))
    rows = {2: [2, 2, 1], 5: [1, 2, 1, 1]}
    for record in (two, five, replace(five, pairs=())):
        figure = comparison_figure(record)
        assert figure.get_figwidth() < 7
        wanted = rows[len(record.contenders)][: None if record.pairs else -1]
        assert [len(row.axes) for row in figure.subfigs] == wanted


def test_names_stand_within_the_picture():
    ax = plot_cost(made_up_comparison(("a_long_name_of_a_run@1", "b@1", "c@1")), axes())
    ax.figure.draw_without_rendering()
    for name in ax.texts:
        assert name.get_window_extent().x1 <= ax.figure.bbox.x1


def test_the_more_pairs_the_taller_so_that_each_name_can_be_read():
    few, many = (made_up_comparison(tuple(names)) for names in ("abc", "abcdef"))
    assert comparison_figure(many).get_figheight() > comparison_figure(few).get_figheight() + 3
    assert separate_figures(many)["pairs"].get_figheight() > 6
