"""The number format of a run that goes on."""

import pytest
import torch

from nbtune.events import RunStarted
from nbtune.jobs import putting_together
from nbtune.recipe import Recipe

CPU = torch.device("cpu")
BEGUN = RunStarted(0, 9, 9, "", "", "full", 0, 0, "cpu", "bf16", "packed", "loss")


@pytest.mark.parametrize(
    ("begun", "works", "asked", "chosen"),
    [
        (BEGUN, True, "auto", "bf16"),
        (BEGUN, False, "auto", "fp32"),
        (BEGUN, True, "fp32", "fp32"),
        (None, True, "auto", "fp32"),
    ],
)
def test_it_is_the_one_it_began_with_where_that_works(monkeypatch, begun, works, asked, chosen):
    monkeypatch.setenv("NBTUNE_PRECISION", "fp32")
    monkeypatch.setattr(putting_together, "last_start", lambda folder: begun)
    monkeypatch.setattr("nbtune.engine.precision.works", lambda *_: works)
    assert putting_together._precision("a folder", Recipe(precision=asked), CPU, 384) == chosen
