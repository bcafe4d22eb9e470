import io

import nbformat
import pytest

from nbtune import demo
from nbtune.errors import NbtuneError
from nbtune.testing import tiny_model_folder, topic_rows


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Put a small notebook in the place of the quickstart."""
    monkeypatch.delenv("NBTUNE_RUNS", raising=False)
    folder = tmp_path / "out"
    folder.mkdir()
    tiny_model_folder(folder / "tiny")
    topic_rows(60).to_csv(folder / "rows.csv", index=False)

    def make(*cells):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A small one")])
        book.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
        monkeypatch.setattr(demo, "_quickstart", lambda: nbformat.writes(book))
        return folder

    return make


@pytest.mark.kernel
def test_the_demo_tells_what_the_cells_show_and_leaves_a_report(notebook):
    folder = notebook(
        "%load_ext nbtune",
        "%%finetune small --data rows.csv\nmodel: ./tiny\nepochs: 1",
        "%evaluate small",
        "print('the end')",
    )
    told = io.StringIO()
    report = demo.run_demo(folder, told)
    for words in ("A small one", "│ model: ./tiny", "TF-IDF", "on 6 test rows", "the end"):
        assert words in told.getvalue()
    page = report.read_text()
    assert page.count("data:image/png;base64") == 2, "the loss curve and the judging figure"
    assert "http://" not in page.split("<body")[1]
    assert (folder / "nbtune-runs" / "small@1").is_dir()
    assert "widgets" not in nbformat.read(folder / demo.NOTEBOOK, 4).metadata


@pytest.mark.kernel
def test_a_cell_that_fails_is_named_and_the_notebook_is_kept(notebook):
    folder = notebook("%load_ext nbtune", "%finetune small --data nothing.csv --model ./tiny")
    with pytest.raises(NbtuneError, match="DataError: data: there is no file"):
        demo.run_demo(folder, io.StringIO())
    book = nbformat.read(folder / demo.NOTEBOOK, 4)
    assert book.cells[-1].outputs[-1].output_type == "error", "a saved notebook shows it"
