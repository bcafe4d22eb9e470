import numpy as np
import pytest

from nbtune.errors import DataError, RunError
from nbtune.panels.matrix import MatrixPicker, worst_pairs
from nbtune.panels.review import SHOWN, ReviewPanel
from nbtune.records import Confusion, Explanation, ReviewedRow, WordShare
from nbtune.results.review import Review

LABELS = ("animal", "food", "place")


def made_up(row, label="food", prediction="food", text="", margin=0.5):
    return ReviewedRow(
        row, text or f"text of {row}", label, prediction, 0.9, 0.1, margin, label != prediction,
        ((prediction, 0.9), (label, 0.05)),
    )  # fmt: skip


ROWS = [
    made_up(0),
    made_up(1, "food", "place", "a <b>bakery</b> in town", -0.8),
    made_up(2, "animal", "food", "roast duck", -0.3),
    made_up(3, "animal", "animal"),
    made_up(4, "food", "place", "the market hall", -0.9),
]


@pytest.fixture
def review(tmp_path):
    return Review("topics@1", "test", LABELS, ROWS, tmp_path / "made.jsonl", "data: topics\n")


@pytest.fixture
def panel(review):
    return ReviewPanel(review)


def listed(panel):
    return [row for _, row in panel.list.options]


def family(widget):
    for child in getattr(widget, "children", ()):
        yield child
        yield from family(child)


def press(panel, words):
    next(b for b in family(panel.box) if getattr(b, "description", "") == words).click()


def cell(panel, true, predicted):
    return panel.matrix._buttons[true, predicted]


def test_why_shades_the_words_of_the_row_until_another_is_read(review, panel):
    press(panel, "Why")
    assert "choose a row in the list first" in panel.told.value
    panel.list.value = [1]
    press(panel, "Why")
    assert "is not at hand" in panel.told.value
    word = WordShare(0, 2, 5, -0.5)
    made = Explanation("t", 1, ("a <b>bakery</b>",), "place", 0.9, "", (word,), 1.0, 0.5, "")
    review._explained = lambda row: [made]
    press(panel, "Why")
    assert "speak for place" in panel.why.value
    assert "<b>bakery" not in panel.why.value
    assert "row 1: why place" in panel.told.value
    panel.list.value = [2]
    assert not panel.why.value


def test_suspects_come_first(panel):
    assert listed(panel) == [4, 1, 2, 0, 3]
    assert "5 test rows: 3 wrong, 3 with a label in doubt" in panel.head.value


def test_a_click_on_a_cell_lists_its_rows_and_again_all(panel):
    assert cell(panel, "food", "place").description == "2"
    cell(panel, "food", "place").click()
    assert listed(panel) == [4, 1]
    assert "2 rows of food taken for place" in panel.columns.value
    assert "nbt-picked" in cell(panel, "food", "place")._dom_classes
    cell(panel, "food", "place").click()
    assert len(listed(panel)) == 5
    cell(panel, "animal", "food").click()
    press(panel, "all rows")
    assert len(listed(panel)) == 5


def test_rows_are_searched_sorted_and_only_the_wrong_ones_shown(panel):
    panel.search.value = "BAKERY town"
    assert listed(panel) == [1]
    panel.search.value = ""
    panel.wrong.value = True
    panel.sort.value = "row"
    assert listed(panel) == [1, 2, 4]


def test_a_chosen_row_is_shown_whole_and_escaped(panel):
    panel.list.value = [1]
    assert "a &lt;b&gt;bakery&lt;/b&gt; in town" in panel.one.value
    assert "<b>bakery" not in panel.one.value
    assert panel.label.value == "place", "what is predicted is offered"


def test_rows_are_relabelled_and_the_next_one_is_chosen(panel, review):
    cell(panel, "food", "place").click()
    panel.list.value = [4]
    press(panel, "Relabel")
    assert review.own[4].new_label == "place"
    assert listed(panel) == [1], "the other one is food taken for place no more"
    assert panel.list.value == (1,)
    assert cell(panel, "food", "place").description == "1"
    assert cell(panel, "place", "place").description == "1"
    assert "row 4: now place" in panel.told.value
    press(panel, "Undo")
    assert listed(panel) == [4, 1]
    assert not review.own
    press(panel, "Undo")
    assert "there is no change to undo" in panel.told.value


def test_several_rows_are_marked_deleted_and_taken_back(panel, review):
    panel.list.value = [4, 1]
    press(panel, "Ambiguous")
    panel.list.value = [2]
    press(panel, "Delete")
    marks = {
        row: line.replace("\N{NO-BREAK SPACE}", " ").split()[1] for line, row in panel.list.options
    }
    assert (marks[4], marks[1], marks[2]) == ("~", "~", "×")
    panel.list.value = [4, 2]
    press(panel, "As it was")
    assert list(review.own) == [1]
    panel.list.value = [4, 1, 2, 0]
    press(panel, "As predicted")
    assert {row: one.new_label for row, one in review.own.items()} == {
        4: "place", 1: "place", 2: "food",
    }  # fmt: skip
    press(panel, "Undo")
    assert list(review.own) == [1], "one press is one change"


def test_what_python_changes_is_seen(panel, review):
    review.delete(4)
    assert "×" in panel.list.options[0][0]
    assert "1 deleted" in panel.head.value


@pytest.mark.parametrize("words", ["Relabel", "As predicted", "Ambiguous", "Delete", "As it was"])
def test_a_button_says_that_rows_are_to_be_chosen_first(panel, words):
    press(panel, words)
    assert "choose a row in the list first" in panel.told.value


def test_corrections_are_exported_and_the_cell_to_train_is_given(panel, review, tmp_path):
    panel.list.value = [4]
    press(panel, "Delete")
    panel.path.value = str(tmp_path / "mine.csv")
    press(panel, "Export")
    assert "the market hall" in (tmp_path / "mine.csv").read_text()
    panel.path.value = str(tmp_path / "mine.xlsx")
    press(panel, "Export")
    assert ".jsonl or .csv" in panel.told.value
    press(panel, "Train on")
    assert panel.next.value.startswith("%%finetune topics_corrected\nmodel: topics@1")
    assert f"corrections: {review.place}" in panel.next.value
    assert "Copy the cell" in panel.copy.value


def test_without_a_correction_there_is_nothing_to_train_on(panel):
    press(panel, "Train on")
    assert "nothing is corrected yet" in panel.told.value
    assert panel.next.value == ""


def test_what_cannot_be_written_is_said(panel, review, monkeypatch):
    def full(*_):
        raise DataError("no room", hint="make some")

    monkeypatch.setattr(review, "delete", full)
    panel.list.value = [4]
    press(panel, "Delete")
    assert "no room" in panel.told.value


def test_of_many_labels_pairs_are_listed_the_worst_first():
    labels = tuple(f"label {i}" for i in range(200))
    counts = [[3 * (i == k) for k in range(200)] for i in range(200)]
    counts[5][7], counts[9][2] = 4, 1
    confusion, picked = Confusion(labels, tuple(map(tuple, counts))), []
    picker = MatrixPicker(confusion, picked.append)
    named = [cell for _, cell in picker.pairs.options]
    assert named[:3] == [("", ""), ("label 5", "label 7"), ("label 9", "label 2")]
    picker.pairs.value = ("label 5", "label 7")
    assert picked[-1] == ("label 5", "label 7")
    assert len(worst_pairs(confusion)) == 202


def test_a_long_list_is_cut_and_says_so(tmp_path):
    rows = [made_up(i) for i in range(SHOWN + 50)]
    panel = ReviewPanel(Review("r", "test", LABELS, rows, tmp_path / "made.jsonl"))
    assert len(listed(panel)) == SHOWN
    assert f"250 rows, the first {SHOWN} shown" in panel.columns.value


def test_an_export_to_nowhere_is_said(review, panel, tmp_path):
    review.delete(1)
    with pytest.raises(RunError, match=r"cannot write to .*none"):
        review.save(tmp_path / "none" / "made.csv")
    panel.path.value = str(tmp_path / "none" / "made.csv")
    press(panel, "Export")
    assert "cannot write to" in panel.told.value


def several(row, labels, given):
    return ReviewedRow(
        row, f"text of {row}", ", ".join(labels), ", ".join(given), 0.6, 1.0, -0.2,
        labels != given, (("food", 0.7), ("animal", 0.4)), labels=labels, given=given,
    )  # fmt: skip


CHANCES = np.array([[0.1, 0.8, 0.1], [0.2, 0.6, 0.3], [0.7, 0.4, 0.2]])


@pytest.fixture
def ticked(tmp_path):
    rows = [
        several(0, ("food",), ("food",)),
        several(1, ("food", "place"), ("food",)),
        several(2, (), ("animal",)),
    ]
    place = tmp_path / "made.jsonl"
    return ReviewPanel(
        Review("topics@1", "test", LABELS, rows, place, relabels="several", chances=CHANCES)
    )


def test_several_labels_are_ticked(ticked):
    ticked.list.value = [1]
    assert ticked.ticks.value == ("food",), "as predicted"
    ticked.ticks.value = ("animal", "place")
    press(ticked, "Relabel")
    assert "row 1: now animal, place" in ticked.told.value
    (made,) = ticked.desk.corrections
    assert (made.label, made.new_label) == ('["food", "place"]', '["animal", "place"]')
    ticked.list.value = [2]
    press(ticked, "As predicted")
    ticked.list.value = [0]
    ticked.ticks.value = ()
    press(ticked, "Relabel")
    assert {one.row: one.new_label for one in ticked.desk.corrections} == {
        0: "[]", 1: '["animal", "place"]', 2: '["animal"]',
    }  # fmt: skip


def test_rows_that_miss_a_label_are_chosen_from_a_list(ticked):
    assert ("", "animal") in [cell for _, cell in ticked.matrix.list.options]
    ticked.matrix.list.value = ("place", "")
    assert listed(ticked) == [1]
    assert "1 row missing place" in ticked.columns.value
    ticked.matrix.list.value = ("", "animal")
    assert listed(ticked) == [2]
    ticked.matrix.list.value = ("", "")
    assert len(listed(ticked)) == 3


def test_a_point_of_a_curve_lists_the_rows_at_or_above_its_threshold(ticked):
    ticked.curve.label.value = "food"
    points = [one for one in family(ticked.curve.box) if "or more:" in (one.tooltip or "")]
    assert points[0].tooltip == "0.800 or more: 1 row, precision 100 %, recall 50 %"
    second = next(point for point in points if point.tooltip.startswith("0.600"))
    second.click()
    assert sorted(listed(ticked)) == [0, 1]
    assert "with p(food) ≥ 0.600 (precision 100 %, recall 100 %)" in ticked.columns.value
    ticked.search.value = "of 1"
    assert listed(ticked) == [1], "a search within them"
    ticked.search.value = ""
    second.click()
    assert len(listed(ticked)) == 3, "again chooses all"
    ticked.curve.label.value = "choose a label"
    assert not ticked.curve.curves.children


def test_rows_without_labels_are_left_out_and_marked_only(tmp_path):
    row = ReviewedRow(4, "a text", "PER: Ann <b>", "nothing", 0.5, 2.0, -2.0, False, (), off=True)
    review = Review("tags@1", "test", (), [row], tmp_path / "made.jsonl", relabels="")
    panel = ReviewPanel(review)
    words = {getattr(one, "description", "") for one in family(panel.box)}
    assert {"Delete", "Ambiguous", "Undo"} <= words
    assert not {"Relabel", "As predicted"} & words
    panel.list.value = [4]
    assert "true PER: Ann &lt;b&gt;; predicted nothing" in panel.one.value
    press(panel, "Delete")
    assert [one.action for one in review.corrections] == ["delete"]
    with pytest.raises(RunError, match="have no labels to change"):
        review.relabel(4, "x")
    assert "Rows that are furthest off" in review._repr_mimebundle_()["text/html"]


def test_what_was_lost_is_said_above_all(tmp_path):
    review = Review(
        "topics@2", "test", LABELS, ROWS, tmp_path / "made.jsonl", note="the file <a> is gone"
    )
    assert "the file &lt;a&gt; is gone" in ReviewPanel(review).head.value
    faces = review._repr_mimebundle_()
    assert "the file &lt;a&gt; is gone" in faces["text/html"]
    assert "the file <a> is gone" in faces["text/plain"]
