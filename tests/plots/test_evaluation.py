import io
import subprocess
import sys
from itertools import pairwise

import pytest
from matplotlib.image import imread

from nbtune.plots.evaluation import evaluation_figure, evaluation_png
from nbtune.plots.slices import slices_figure
from nbtune.records import EvaluationRecord, Score, Slice, Slices
from nbtune.testing import made_up_record


@pytest.mark.parametrize("labels", [2, 12, 40, 200])
def test_matrix_curves_and_calibration_are_in_one_figure(labels):
    figure = evaluation_figure(made_up_record(labels, rows=1000))
    titles = [ax.get_title() for ax in figure.axes]
    parts = ["Calibration", "Confusion", "Cumulative", "Precision", "ROC"]
    assert sorted(title.split(" ")[0] for title in titles) == parts


@pytest.mark.parametrize("labels", [2, 12, 15, 25, 40])
def test_names_beside_the_matrix_do_not_touch_each_other(labels):
    names = tuple(f"rather long name {i}" for i in range(labels))
    figure = evaluation_figure(made_up_record(names, rows=400))
    figure.draw_without_rendering()
    matrix = next(ax for ax in figure.axes if ax.images)
    for ticks, axis in ((matrix.get_yticklabels(), "y"), (matrix.get_xticklabels(), "x")):
        boxes = [tick.get_window_extent() for tick in ticks]
        spans = sorted((getattr(b, f"{axis}0"), getattr(b, f"{axis}1")) for b in boxes)
        assert len(spans) == labels
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_nothing_leaves_the_figure():
    figure = evaluation_figure(made_up_record(tuple(f"rather long name {i}" for i in range(12))))
    figure.draw_without_rendering()
    whole = figure.bbox
    for ax in figure.axes:
        box = ax.get_tightbbox()
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1


def test_the_picture_is_see_through_and_small():
    for labels in (12, 40, 200):
        data = evaluation_png(made_up_record(labels, rows=1000))
        assert len(data) < 300_000
        picture = imread(io.BytesIO(data))
        assert picture[:2, :, 3].max() == 0, "no background"


def test_a_record_read_back_looks_the_same():
    record = made_up_record(5)
    again = EvaluationRecord.from_json(record.to_json())
    assert evaluation_png(again) == evaluation_png(record)


DRAW = """
import sys
from nbtune.plots.evaluation import evaluation_png
from nbtune.plots.slices import slices_figure
from nbtune.records import EvaluationRecord, Score, Slice, Slices
evaluation_png(EvaluationRecord.from_json(sys.stdin.read()))
print([name for name in ("torch", "transformers", "sklearn", "matplotlib.pyplot", "pandas")
       if name in sys.modules])
"""


def test_a_record_is_drawn_in_another_process_without_torch():
    done = subprocess.run(
        [sys.executable, "-c", DRAW],
        input=made_up_record(3).to_json(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_slices_that_are_worse_are_filled_and_named_with_their_rows():
    parts = (
        Slice("source", "web", 300, Score(0.9, 0.86, 0.93), 0.7, 1.0),
        Slice("source", "$mail", 100, Score(0.6, 0.5, 0.69), 0.9, 0.001),
    )
    ax = slices_figure(Slices("source", parts, parts[1:], 40), 0.83).axes[0]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["web (300)", "$mail (100)"]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_markerfacecolor() != "none" for dot in dots] == [False, True]
