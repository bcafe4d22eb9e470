"""Margins of training rows beside a run: kept where there is room, and never at its cost."""

import errno

import numpy as np
import pytest

import nbtune
from nbtune.events import Notice
from nbtune.jobs.folders import read_margins
from nbtune.testing import tiny_model_folder, topic_rows


@pytest.fixture
def train(tmp_path):
    model = str(tiny_model_folder(tmp_path / "tiny"))
    return lambda: nbtune.finetune(
        topic_rows(30),
        model=model,
        max_steps=4,
        baseline=False,
        display="none",
        runs_dir=tmp_path / "runs",
    )


def test_every_row_that_was_learnt_from_has_one_and_damage_is_none(train):
    run = train()
    margins = read_margins(run.folder)
    assert len(margins) == run.folder.about["rows"]["train"]
    assert np.isfinite(margins).any()
    assert (np.abs(margins[np.isfinite(margins)]) <= 1).all()
    (file,) = (run.folder.path / "margins").iterdir()
    for damage in (file.read_bytes()[:40], b""):
        file.write_bytes(damage)
        assert read_margins(run.folder) is None


def test_a_disk_without_room_for_them_costs_them_only(train, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nbtune.jobs.training.keep_margins", full)
    run = train()
    assert run.status == "finished"
    told = [event.text for _, event in run.events if isinstance(event, Notice)]
    assert any("margins of the training rows are not kept" in text for text in told)
    assert read_margins(run.folder) is None
