import numpy as np
import pytest

from nbtune.evaluation.classification import judge
from nbtune.plots.pr import plot_pr
from nbtune.plots.roc import plot_roc
from nbtune.plots.style import new_figure
from nbtune.testing import guesses, made_up_record


def drawn(plot, record):
    _, axes = new_figure(4, 4)
    return plot(record, axes[0, 0])


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_two_labels_have_one_curve_with_its_area():
    record = made_up_record(("ham", "spam"))
    roc, pr = drawn(plot_roc, record), drawn(plot_pr, record)
    assert legend(roc) == [f"{record.roc[0].area:.3f}  spam", "from 0.5 on"]
    assert legend(pr) == [f"{record.pr[0].area:.3f}  spam", "from 0.5 on"]
    assert roc.get_legend().get_title().get_text() == "AUC"
    assert pr.get_legend().get_title().get_text() == "AP"
    assert len(roc.lines) == 3, "the curve, what is decided, and the diagonal of chance"
    assert len(pr.lines) == 2


def test_axes_say_what_they_are():
    record = made_up_record(3)
    roc, pr = drawn(plot_roc, record), drawn(plot_pr, record)
    assert (roc.get_xlabel(), roc.get_ylabel()) == ("false positive rate", "true positive rate")
    assert (pr.get_xlabel(), pr.get_ylabel()) == ("recall", "precision")


def test_a_few_labels_are_all_named_below_their_averages():
    record = made_up_record(("a", "b", "c"))
    areas = {(c.label, c.average): c.area for c in record.roc}
    assert legend(drawn(plot_roc, record)) == [
        f"{areas[name, average]:.3f}  {name}"
        for name, average in (
            ("micro", True), ("macro", True), ("a", False), ("b", False), ("c", False),
        )
    ]  # fmt: skip


@pytest.mark.parametrize(("labels", "lines"), [(12, 12), (40, 30), (200, 30)])
def test_of_many_labels_the_worst_three_are_named(labels, lines):
    record = made_up_record(labels, rows=1000)
    ax = drawn(plot_roc, record)
    worst = sorted((c for c in record.roc if not c.average), key=lambda c: c.area)[:3]
    assert legend(ax)[2:] == [f"{c.area:.3f}  {c.label}" for c in worst]
    assert f"worst 3 of {labels} labels" in ax.get_legend().get_title().get_text()
    assert len(ax.lines) == lines + 3, "averages and diagonal"


def test_lines_are_told_apart_without_colour():
    ax = drawn(plot_roc, made_up_record(4))
    named = [line for line in ax.lines if not line.get_label().startswith("_")]
    assert len({str(line._dash_pattern) for line in named}) == len(named) == 6


def test_precision_is_drawn_in_steps():
    """So that the area that is seen is the average precision that is written."""
    record = made_up_record(2)
    line, _ = drawn(plot_pr, record).lines
    assert line.get_drawstyle() == "steps-pre"
    x, y = record.pr[0].x, record.pr[0].y
    area = sum((b - a) * height for a, b, height in zip(x, x[1:], y[1:], strict=False))
    assert area == pytest.approx(record.pr[0].area, abs=1e-3)


def test_odd_names_are_cut_and_shown_as_they_are():
    record = made_up_record(("_private", "$x^{$", "two\nlines", "x" * 1000))
    ax = drawn(plot_roc, record)
    shown = {text.split("  ", 1)[1] for text in legend(ax)}
    assert shown == {"micro", "macro", "_private", "$x^{$", "two lines", "x" * 19 + "…"}
    ax.figure.savefig("/dev/null", format="png")


def test_labels_that_are_called_micro_and_macro_are_labels():
    ax = drawn(plot_roc, made_up_record(("micro", "macro", "other")))
    assert [text.split("  ")[1] for text in legend(ax)] == [
        "micro", "macro", "micro", "macro", "other",
    ]  # fmt: skip


def test_no_curves_are_no_legend():
    record = made_up_record(2, rows=1)
    assert record.roc == ()
    assert drawn(plot_roc, record).get_legend() is None


def test_a_chosen_threshold_has_a_dot_on_its_curve_beside_that_of_one_half():
    targets, probabilities = guesses(200, 2)
    record = judge(
        "r", "test", ("ham", "spam"), targets, probabilities,
        thresholds=(0.3, 0.7), rules=("", "precision=0.9"),
    )  # fmt: skip
    for plot in (plot_roc, plot_pr):
        ax = drawn(plot, record)
        assert legend(ax)[1:] == ["from 0.7 on", "from 0.5 on"]
        (x, y), (usual, _) = (line.get_xydata()[0] for line in ax.lines[-2:])
        curve = ax.lines[-3].get_xydata()
        assert np.abs(curve - (x, y)).max(axis=1).min() < 1e-4, "on the curve"
        assert x < usual, "fewer are given the label"


def test_a_legend_stands_above_curves_that_would_run_through_it():
    good, poor = (
        judge("r", "test", [f"label {i}" for i in range(9)], *guesses(300, 9, 0, skill))
        for skill in (0.97, 0.2)
    )
    below, above = drawn(plot_pr, good), drawn(plot_pr, poor)
    assert below.get_ylim()[1] < 1.1
    assert above.get_ylim()[1] > 1.3
    assert max(above.get_yticks()) == 1.0
    above.figure.draw_without_rendering()
    low = above.get_legend().get_window_extent().y0
    assert low >= above.transData.transform((0, 1.0))[1] - 1
