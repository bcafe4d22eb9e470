import re
from pathlib import Path

import pytest

LINE = "%nbtune lr_find --data df --model ./tiny --num-training 30 --max-lr 0.1"


def test_the_text_names_the_line_for_the_recipe(cell):
    found = cell(f"found = {LINE}")
    assert found.error is None
    rate = cell["found"].suggestion
    assert 1e-4 < rate < 0.1
    assert f"learning_rate: {rate:g} (put this line into the recipe" in cell["found"].text
    assert all(len(line) <= 80 for line in cell["found"].text.splitlines())
    assert not Path("nbtune-runs").exists(), "no run is left behind"
    faces = cell["found"]._repr_mimebundle_()
    assert all(f"learning_rate: {rate:g}" in face for face in faces.values())


def test_a_cell_is_read_as_that_of_finetune(cell):
    typed = cell("%%nbtune lr_find --num-training 20\ndata: df\nmodel: ./tiny\nmethod: head\n")
    assert typed.error is None
    assert typed.value.record.method == "head"
    assert len(typed.value.record.rates) == 20
    assert typed.value.record.usual == 1e-3


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("%nbtune lr_find --dat df", "there is no option --dat"),
        ("%nbtune lr_find --data df --num-training 3", "num_training is 3"),
        ("%nbtune lr_find --data df --min-lr 1 --max-lr 0.1", "the rate cannot rise"),
        ("%nbtune lr_find", "there are no rows to learn from"),
        ("%nbtune lr_find --data df --optim adamm", "did you mean 'adam'?"),
        ("%%nbtune lr_find\nlearning_rat: 3", "cell line 2: unknown setting 'learning_rat'"),
        ("%%nbtune doctor\nx: 1", "there is nothing to do with a cell"),
        ("%nbtune lr_fnd", "invalid choice: 'lr_fnd'"),
    ],
)
def test_mistakes_are_told_in_two_lines(cell, typed, seen):
    assert seen in cell.mistake(typed)


def test_help_names_the_search_and_its_options(cell):
    assert re.search(r"lr_find +a learning rate", cell("%nbtune --help").out)
    shown = cell("%nbtune lr_find --help").out
    assert "--num-training N" in shown
    assert "--per-device-train-batch-size" in shown


def test_an_interrupt_leaves_nothing_behind(cell, monkeypatch, tmp_path):
    from nbtune.engine.stepping import Stepper

    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "scratch").mkdir()

    def interrupt(self, seen, rate):
        raise KeyboardInterrupt

    monkeypatch.setattr(Stepper, "update", interrupt)
    typed = cell(LINE)
    assert typed.error is None
    assert "interrupted before it was done" in typed.out
    assert not list((tmp_path / "scratch").iterdir())
