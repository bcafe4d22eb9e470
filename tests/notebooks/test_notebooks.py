import ast
import re
import shutil
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SHORTENED = (
    "adapt_first",
    "few_labels",
    "labels_and_pairs",
    "tags_and_answers",
    "chats_and_preferences",
    "what_relates",
)
"""Notebooks of which the committed outputs say what is reached; here their cells have to run."""
STATIC = {"text/plain", "text/html", "text/markdown", "image/png"}


def check(book):
    outputs = [out for cell in book.cells for out in cell.get("outputs", [])]
    assert "widgets" not in book.metadata
    assert [out for out in outputs if out.output_type == "error"] == []
    assert [out.text for out in outputs if out.get("name") == "stderr"] == []
    assert {kind for out in outputs for kind in out.get("data", {})} <= STATIC
    return "".join(str(out) for out in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_reads_well_without_a_kernel(path):
    book = nbformat.read(path, 4)
    shown = check(book)
    assert all(cell.execution_count for cell in book.cells if cell.cell_type == "code")
    assert path.stat().st_size < 500_000
    assert "<script" not in shown
    assert str(Path.home()) not in shown


def test_the_quickstart_is_a_dozen_cells_and_its_model_wins():
    book = nbformat.read(FOLDER / "01_quickstart.ipynb", 4)
    assert sum(cell.cell_type == "code" for cell in book.cells) <= 13
    assert "tuned@1 beats TF-IDF + logistic regression" in str(book.cells)


def shorten(book):
    """Have its models learn for two steps only, in place."""
    for cell in book.cells:
        if cell.source.startswith("%%finetune"):
            cell.source = cell.source.replace("contrastive_epochs: 3", "contrastive_epochs: 1")
            cell.source += "\nmax_steps: 2"


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.timeout(1200)
# The quickstart is run by the tests in a browser.
@pytest.mark.parametrize("path", NOTEBOOKS[1:], ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    from nbclient import NotebookClient

    monkeypatch.delenv("NBTUNE_RUNS", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    book = nbformat.read(path, 4)
    if path.stem in SHORTENED:
        shorten(book)
    for rows in FOLDER.glob("*.csv.gz"):
        shutil.copy(rows, tmp_path)
    NotebookClient(
        book, timeout=None, store_widget_state=False, resources={"metadata": {"path": tmp_path}}
    ).execute()
    check(book)
    assert list((tmp_path / "nbtune-runs").iterdir())


def test_a_small_world_is_translated_and_real_texts_show_what_is_missing():
    shown = str(nbformat.read(FOLDER / "texts_of_texts.ipynb", 4).cells)
    assert "french@1 beats target of the nearest source" in shown
    assert "le chien triste veut la table énorme" in shown
    assert "summaries@1 loses to" in shown


def test_a_small_network_reads_digits_and_two_towers_tell_what_is_true_of_them():
    shown = str(nbformat.read(FOLDER / "images.ipynb", 4).cells)
    assert "digits@1 beats grey pixels + logistic regression" in shown
    assert "loops@1 beats grey pixels + logistic regression" in shown
    assert "truth@1 beats" in shown
    assert shown.count("<img ") > 20


def test_what_is_done_by_hand_and_in_a_cell_comes_to_the_same_loss():
    book = nbformat.read(FOLDER / "understanding.ipynb", 4)
    printed = [
        out["text"] for cell in book.cells for out in cell.get("outputs", []) if "text" in out
    ]
    by_hand, in_a_cell = re.findall(r"loss ([\d.]+)", "".join(printed))
    assert by_hand == in_a_cell


def test_eight_rows_a_label_are_ahead_of_words_and_of_names_of_labels():
    shown = str(nbformat.read(FOLDER / "few_labels.ipynb", 4).cells)
    assert "eight@1 beats zero-shot (minilm)" in shown


def test_real_tags_answers_labels_and_pairs_are_told_better_than_by_words():
    shown = str(nbformat.read(FOLDER / "tags_and_answers.ipynb", 4).cells)
    assert "parts@1 beats word features + logistic regression" in shown
    assert "who@1 beats word features + logistic regression" in shown
    shown = str(nbformat.read(FOLDER / "labels_and_pairs.ipynb", 4).cells)
    assert "has@1 beats TF-IDF + logistic regressions" in shown
    assert "alike@1 beats TF-IDF cosine" in shown


def test_relations_are_told_better_than_by_words_and_where_nothing_is_gained_that_is_said():
    shown = str(nbformat.read(FOLDER / "what_relates.ipynb", 4).cells)
    assert "related@1 beats TF-IDF of the words at the spans" in shown
    assert "near@1 loses to minilm before training" in shown
    assert "who_is@1 better than word features + logistic regression: not shown" in shown


def test_adapting_makes_texts_likelier_and_the_task_is_said_to_be_no_better_for_it():
    shown = str(nbformat.read(FOLDER / "adapt_first.ipynb", 4).cells)
    assert "adapted@1 beats token frequencies" in shown
    assert re.search(r"from_minilm@1 better than from_adapted@1 \([^)]*\): not shown", shown)


def printed(name):
    """Return what the cells of a notebook say in plain text."""
    book = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    return "\n".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in outputs)


def test_what_the_docs_tell_of_a_notebook_stands_in_it_and_their_tests_are_there():
    page = (FOLDER.parent / "docs" / "tasks.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.search(r"N `\w+`", line)]
    assert len(rows) > 15
    for row in rows:
        names = re.findall(r"N `(\w+)`", row)
        shown = "\n".join(map(printed, names))
        told = re.findall(r"\*\*([\d.,]+)\*\*(?: \(([\d.]+–[\d.]+)\))?", row)
        assert told, row
        for score in map(" ".join, told):
            assert re.search(rf"(?<![\d.]){re.escape(score.strip())}(?![\d])", shown), (score, row)
    named = re.findall(r"`([\w/]+\.py)`", page)
    places = [FOLDER.parent / ("" if name[:5] in ("tools", "tests") else "tests") for name in named]
    files = [place / name for place, name in zip(places, named, strict=True)]
    assert len(files) > 15
    assert [file for file in files if not file.is_file()] == []


def test_what_is_liked_is_what_is_written_afterwards():
    book = nbformat.read(FOLDER / "chats_and_preferences.ipynb", 4)
    assert "chatty@1 beats token frequencies" in str(book.cells)
    counting = [cell for cell in book.cells if 'endswith("!")' in cell.source]
    shown = [cell.outputs[-1]["data"]["text/plain"] for cell in counting]
    counts, by_thumbs = map(ast.literal_eval, shown)
    assert min(counts["choosy@1"], by_thumbs) > counts["chatty@1"] + 50


def test_planted_faults_are_found_corrected_and_what_was_seen_is_said():
    shown = str(nbformat.read(FOLDER / "trust.ipynb", 4).cells)
    right, doubted = map(int, re.search(r"(\d+) of the (\d+) rows most in doubt", shown).groups())
    assert right >= 0.75 * doubted
    assert "are training rows and" in shown
    assert "not shown" in shown
