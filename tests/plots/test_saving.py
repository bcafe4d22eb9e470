import numpy as np
import pytest
from matplotlib.colors import same_color

from nbtune.errors import NbtuneError
from nbtune.plots.comparison import separate_figures as of_comparison
from nbtune.plots.evaluation import separate_figures
from nbtune.plots.saving import INK, save_figures
from nbtune.plots.style import GREY, new_figure, title
from nbtune.testing import made_up_comparison, made_up_record


def test_an_evaluation_is_written_picture_by_picture(tmp_path):
    files = save_figures(separate_figures(made_up_record()), tmp_path / "new" / "figures")
    kinds = {"confusion", "roc", "precision-recall", "gain", "calibration", "labels"}
    assert {file.stem for file in files} >= kinds
    assert {file.suffix for file in files} == {".svg", ".pdf"}
    for file in files:
        start = file.read_bytes()[:5]
        assert start == (b"%PDF-" if file.suffix == ".pdf" else b"<?xml")


def test_letters_stay_letters_and_nothing_is_grey_on_paper(tmp_path):
    (file, *_) = save_figures(separate_figures(made_up_record()), tmp_path, "svg")
    text = file.read_text().lower()
    assert ">predicted label<" in text
    assert GREY not in text


def test_the_same_figure_gives_the_same_file(tmp_path):
    def made(place):
        return save_figures(separate_figures(made_up_record()), tmp_path / place)

    for one, other in zip(made("a"), made("b"), strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_a_comparison_is_written_too(tmp_path):
    names = {file.stem for file in save_figures(of_comparison(made_up_comparison()), tmp_path)}
    assert names == {"courses", "cost", "pairs", "cost-memory_bytes", "cost-trainable_parameters"}


def test_colours_are_kept_and_the_page_is_white(tmp_path):
    figure, axes = new_figure(2, 2)
    (line,) = axes[0, 0].plot([0, 1], [1, 0], color="#0072b2")
    title(axes[0, 0], "here")
    save_figures({"one": figure}, tmp_path, ["png"])
    assert same_color(line.get_color(), "#0072b2")
    assert same_color(axes[0, 0].title.get_color(), INK)
    from matplotlib.image import imread

    corner = imread(tmp_path / "one.png")[0, 0]
    assert np.allclose(corner, 1)


def test_an_unknown_format_and_a_folder_that_is_none_are_said(tmp_path):
    with pytest.raises(NbtuneError, match="formats: 'jpg' is none") as caught:
        save_figures({}, tmp_path, ["svg", "jpg"])
    assert "svg, pdf, png" in caught.value.hint
    (tmp_path / "file").write_text("")
    with pytest.raises(NbtuneError, match="cannot be written"):
        save_figures(separate_figures(made_up_record()), tmp_path / "file")
