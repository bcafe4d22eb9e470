import pytest

from nbtune.plots.calibration import plot_calibration
from nbtune.plots.style import new_figure
from nbtune.records import Bin, Calibration


def drawn(calibration):
    return plot_calibration(calibration, new_figure(4, 4)[1][0, 0])


def test_bins_stand_where_they_are_sure_and_right():
    bins = (Bin(0.55, 0.5, 0.4, 0.6, 80), Bin(0.9, 0.7, 0.6, 0.8, 20))
    ax = drawn(Calibration(1.5, 0.08, 0.2, 0.05, bins))
    line = next(
        line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"
    )
    assert list(line.get_xdata()) == [0.55, 0.9]
    assert list(line.get_ydata()) == [0.5, 0.7]
    high, low = (bar.get_height() for bar in ax.patches)
    assert high == pytest.approx(4 * low), "80 rows and 20"
    assert ax.get_legend().get_title().get_text() == "ECE 0.080, temperature 1.50"


def test_no_rows_are_drawn_as_no_bins():
    ax = drawn(Calibration(1.0, float("nan"), float("nan"), float("nan"), ()))
    assert ax.get_legend() is None
