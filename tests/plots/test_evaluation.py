import io
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from nbtune.data.ragged import Ragged
from nbtune.evaluation.multi_label import judge as judge_labels
from nbtune.evaluation.regression import judge as judge_numbers
from nbtune.evaluation.spans import judge as judge_spans
from nbtune.plots.evaluation import evaluation_figure, evaluation_png
from nbtune.plots.slices import slices_figure
from nbtune.records import EvaluationRecord, Score, Slice, Slices
from nbtune.testing import made_up_record


@pytest.mark.parametrize("labels", [2, 12, 40, 200])
def test_matrix_curves_and_calibration_are_in_one_figure(labels):
    figure = evaluation_figure(made_up_record(labels, rows=1000))
    assert figure.get_figwidth() <= 6.5, "wider, its letters are too small on a narrow page"
    titles = [ax.get_title() for ax in figure.axes]
    parts = ["Calibration", "Confusion", "Cumulative", "Precision", "ROC"]
    assert sorted(title.split(" ")[0] for title in titles) == parts


def test_numbers_are_drawn_against_the_true_ones():
    true, said = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    record = judge_numbers(
        "stars@1", "test", true, said, baselines={}, texts=["a", "b", "c"], rows=range(3)
    )
    dots, misses = evaluation_figure(record).axes
    assert dots.collections[0].get_offsets().tolist() == [[1, 1.5], [2, 2], [4, 3]]
    assert dots.lines[0].get_xydata().tolist() == [[1, 1], [4, 4]], "where both are equal"
    assert (dots.get_xlabel(), dots.get_ylabel()) == ("true", "predicted")
    assert sum(bar.get_height() for bar in misses.patches) == 3
    assert misses.get_xlabel() == "predicted - true"


def test_each_of_several_labels_has_a_bar_with_its_f1_and_its_rows():
    hot = np.array([[1, 0], [1, 1], [1, 0], [0, 1]], dtype=bool)
    said = np.array([[0.9, 0.2], [0.8, 0.1], [0.7, 0.3], [0.1, 0.9]])
    record = judge_labels(
        "tags@1", "test", ("red", "<b>"), hot, (said, (0.5, 0.5)),
        baselines={}, texts=["a", "b", "c", "d"], rows=range(4),
    )  # fmt: skip
    bars = evaluation_figure(record).axes[0]
    assert [tick.get_text() for tick in bars.get_yticklabels()] == ["<b> (2)", "red (3)"]
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([2 / 3, 1])
    assert [text.get_text() for text in bars.texts] == ["0.67", "1.00"]
    assert "F1 by label (its rows)" in bars.get_title(loc="left") + bars.get_title()


def test_types_of_spans_that_are_taken_for_each_other_are_in_a_matrix():
    tags = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "B-LOC"]]
    labels = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    told = [["B-LOC", "I-LOC", "O"], ["B-LOC", "O", "O"]]
    chances = Ragged.of([np.eye(5)[[labels.index(tag) for tag in row]] for row in told], float)
    rows = pd.DataFrame({"row": [0, 1], "text": ["Ann Lee ran", "Bonn and Ulm"], "tags": tags})
    rows["tokens"] = [text.split() for text in rows["text"]]
    record = judge_spans("names@1", "test", rows, chances, labels, {})
    matrix, bars = evaluation_figure(record).axes[:2]
    names = [tick.get_text() for tick in matrix.get_yticklabels()]
    written = {
        (names[round(t.get_position()[1])], names[round(t.get_position()[0])]): t.get_text()
        for t in matrix.texts
    }
    assert written[("PER", "LOC")] == "2", "words"
    assert written[("LOC", "LOC")] == written[("LOC", "O")] == "1"
    assert {tick.get_text() for tick in bars.get_yticklabels()} == {"PER (1)", "LOC (2)"}


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


def test_a_legend_that_has_no_corner_stands_above_all_curves():
    record = made_up_record(20, rows=1000)
    low = [replace(one, y=tuple(0.4 * y for y in one.y)) for one in record.pr[1:]]
    figure = evaluation_figure(replace(record, pr=(record.pr[0], *low)))
    figure.draw_without_rendering()
    ax = next(ax for ax in figure.axes if ax.get_xlabel() == "recall")
    below = ax.transData.inverted().transform(ax.get_legend().get_window_extent())[0, 1]
    assert max(line.get_ydata().max() for line in ax.lines) < below


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
    ax = slices_figure(Slices("source", parts, parts[1:], 40)).axes[0]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["web (300)", "$mail (100)"]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_markerfacecolor() != "none" for dot in dots] == [False, True]
