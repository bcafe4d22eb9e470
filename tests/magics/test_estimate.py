import math
import re
from pathlib import Path

import pytest

import nbtune
from nbtune.events import Estimated

LINE = "%estimate --data df --model ./tiny --num-train-epochs 2"


def test_an_estimate_names_time_memory_and_disk_and_leaves_no_run(cell):
    typed = cell(f"found = {LINE}")
    assert typed.error is None
    found = cell["found"]
    assert 0 < found.seconds < 60
    assert found.memory_bytes > 100 << 20, "Python alone takes more"
    assert found.disk_bytes > 0
    assert found.fits
    assert re.search(r"time +about .* s[:;] .*steps", found.text)
    assert all(len(line) <= 80 for line in found.text.splitlines())
    assert not nbtune.list_runs()
    assert [path.name for path in found.save_figures(formats="svg")] == ["estimate.svg"]
    assert all("at the peak" in face for face in found._repr_mimebundle_().values())


def test_a_finetune_cell_is_estimated_by_its_first_word(cell):
    body = "data: df\nmodel: ./tiny\nmethod: head\nbatch_size: 4\n"
    typed = cell(f"%%estimate topics\n{body}")
    assert typed.error is None
    record = typed.value.record
    assert record.method == "head"
    assert record.trainable_parameters < record.parameters / 10
    run = cell(f"%%finetune topics\n{body}").value
    assert any(isinstance(event, Estimated) for _, event in run.events)
    assert re.search(r"estimated: .* s .*B", run._repr_mimebundle_()["text/plain"]), (
        "the card says how wrong it was"
    )


def test_padding_of_a_run_that_ends_before_its_first_epoch_is_that_of_its_steps(cell):
    cell("df.loc[0, 'text'] = 'word ' * 60")
    padded = "%estimate --data df --model ./tiny --batching padded --batch-size 4"
    for more in ("--max-steps 1", "--max-steps 3", "--num-train-epochs 1"):
        record = cell(f"{padded} {more}").value.record
        assert 0 <= record.padding_share < 1, more
    assert record.padding_share > 0.05


def test_another_recipe_has_no_estimate(cell):
    cell(LINE)
    run = cell("%finetune topics --data df --model ./tiny --num-train-epochs 1").value
    assert not any(isinstance(event, Estimated) for _, event in run.events)


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("%estimate", "there are no rows to learn from"),
        ("%estimate --data df --optim adamm", "did you mean 'adam'?"),
        ("%estimate --data nowhere_df", "nowhere_df"),
        ("%%estimate\nlearning_rat: 3", "cell line 2: unknown setting 'learning_rat'"),
    ],
)
def test_mistakes_are_told_in_two_lines(cell, typed, seen):
    assert seen in cell.mistake(typed)


def test_what_would_not_fit_is_not_tried(cell, monkeypatch):
    from nbtune.engine import measuring
    from nbtune.engine.stepping import Stepper

    monkeypatch.setattr(measuring, "room_bytes", lambda device: 1)
    monkeypatch.setattr(Stepper, "look", lambda *given: pytest.fail("a step was made"))
    typed = cell(LINE)
    assert typed.error is None
    assert math.isnan(typed.value.seconds)
    assert "no step was made" in re.sub(r"\s+", " ", typed.value.text)


def test_a_long_batch_is_not_tried_when_a_short_one_says_that_it_would_not_fit(cell, monkeypatch):
    from nbtune.engine import measuring

    rooms = iter([1 << 40, 1])
    monkeypatch.setattr(measuring, "room_bytes", lambda device: next(rooms))
    monkeypatch.setattr(measuring, "peak_bytes", lambda device: 1 << 40)
    cell("df.loc[0, 'text'] = 'word ' * 90")
    record = cell(LINE).value.record
    assert not record.measured
    assert record.memory_bytes["activations"] > 1 << 40
    assert not record.fits_memory


def test_a_run_whose_time_was_not_known_says_only_what_was_reckoned(cell, monkeypatch):
    from nbtune.engine import measuring

    with monkeypatch.context() as full:
        full.setattr(measuring, "room_bytes", lambda device: 1)
        cell(LINE)
    run = cell(LINE.replace("%estimate", "%finetune topics")).value
    assert re.search(r"estimated: – and .*B", run._repr_mimebundle_()["text/plain"])


def test_an_interrupt_leaves_nothing_behind(cell, monkeypatch):
    from nbtune.engine.stepping import Stepper

    def interrupt(self, seen, rate):
        assert list(Path().glob(".estimate-*")), "it works on the disk that runs will write to"
        raise KeyboardInterrupt

    monkeypatch.setattr(Stepper, "update", interrupt)
    assert cell(LINE).error is None
    assert not list(Path().glob(".estimate-*"))
    assert not Path("nbtune-runs").exists()
