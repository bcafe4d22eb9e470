import numpy as np
import pytest

from nbtune.plots.confusion import _grouped, plot_confusion
from nbtune.plots.style import new_figure
from nbtune.records import Confusion


def drawn(counts, labels=None):
    labels = labels or tuple(f"label {i}" for i in range(len(counts)))
    _, axes = new_figure(4, 4)
    return plot_confusion(Confusion(tuple(labels), tuple(map(tuple, counts))), axes[0, 0])


def names(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_counts_stand_in_their_cells_true_labels_downwards():
    ax = drawn([[5, 2], [0, 7]], ("ham", "spam"))
    assert {(t.get_position(), t.get_text()) for t in ax.texts} == {
        ((0, 0), "5"),
        ((1, 0), "2"),
        ((1, 1), "7"),
    }
    assert names(ax) == [t.get_text() for t in ax.get_xticklabels()] == ["ham", "spam"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted label", "true label")
    assert "share of the true label" in ax.get_title()


def test_cells_are_shaded_by_the_share_of_the_true_label():
    shares = drawn([[1, 3], [0, 0]]).images[0].get_array()
    assert shares.tolist() == [[0.25, 0.75], [0, 0]], "a label without rows has no share"


def test_numbers_are_white_where_the_cell_is_dark():
    colours = {t.get_text(): t.get_color() for t in drawn([[9, 1], [0, 5]]).texts}
    assert colours["9"] == colours["5"] == "white" != colours["1"]


@pytest.mark.parametrize(
    ("labels", "numbers", "named"), [(2, 2, 2), (12, 12, 12), (40, 0, 40), (200, 0, 0)]
)
def test_numbers_and_names_are_left_out_where_they_would_not_fit(labels, numbers, named):
    ax = drawn(np.eye(labels, dtype=int))
    assert len(ax.texts) == numbers
    assert len([name for name in names(ax) if name.startswith("label")]) == named
    assert ("grouped" in ax.get_title()) == (labels > 25)


def blocks(labels, size, seed=0):
    """Counts of labels that are confused within groups of a size, in an order drawn at random."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(labels // size), size))
    counts = np.where(group[:, None] == group[None], rng.integers(2, 9, (labels, labels)), 0)
    np.fill_diagonal(counts, 60)
    return counts, group


@pytest.mark.parametrize("labels", [30, 200])
def test_many_labels_that_are_confused_lie_together(labels):
    counts, group = blocks(labels, 5)
    order = _grouped(counts.astype(float))
    assert sorted(order) == list(range(labels))
    changes = np.count_nonzero(np.diff(group[order]))
    assert changes == labels // 5 - 1, "each group is in one piece"


def test_the_commonest_mistakes_of_many_labels_have_rings_and_names():
    counts = 50 * np.eye(60, dtype=int)
    counts[7, 3], counts[20, 41] = 30, 20
    ax = drawn(counts)
    (rings,) = ax.lines
    assert len(rings.get_xdata()) == 2
    assert {*names(ax)} <= {"label 7", "label 20"}
    assert {t.get_text() for t in ax.get_xticklabels()} <= {"label 3", "label 41"}
    shares = ax.images[0].get_array()
    for x, y in zip(rings.get_xdata(), rings.get_ydata(), strict=True):
        assert shares[int(y), int(x)] in (pytest.approx(30 / 80), pytest.approx(20 / 70))


def test_a_large_matrix_without_mistakes_and_without_rows_is_drawn():
    for counts in (np.eye(30, dtype=int), np.zeros((30, 30), dtype=int)):
        drawn(counts).figure.savefig("/dev/null", format="png")


def test_long_and_odd_names_are_cut_and_shown_as_they_are():
    ax = drawn(np.eye(3, dtype=int), ("x" * 1000, "$x^{$", "two\nlines"))
    assert names(ax) == ["x" * 15 + "…", "$x^{$", "two lines"]
    ax.figure.savefig("/dev/null", format="png")  # as mathematics, $x^{$ would not be drawn
