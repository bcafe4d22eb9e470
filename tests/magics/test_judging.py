"""What %evaluate asks of a recipe."""

import pytest

from nbtune import api
from nbtune.testing import topic_rows


@pytest.fixture
def asked(cell, monkeypatch):
    """What the functions behind the magic are asked, which train nothing here."""
    cell["df"] = topic_rows(60)
    cell("%%finetune topics --data df\nmodel: ./tiny\nmax_steps: 1\nbaseline: false")
    found = []
    for name in ("learning_curve", "seed_spread"):
        monkeypatch.setattr(api, name, lambda run, *seeds, **given: found.append((*seeds, given)))
    return found


def test_a_line_asks_for_a_curve_or_for_seeds(cell, asked):
    cell("%evaluate topics --learning-curve")
    cell("%evaluate topics --learning-curve --shares 20,40 --draws 1 --more 50")
    cell("%evaluate topics --seeds 4")
    curve = {"shares": [0.2, 0.4], "draws": 1, "more": 50, "display": None}
    assert asked == [({"display": None},), (curve,), (4, {"display": None})]


def test_what_does_not_go_together_is_told_in_two_lines(cell):
    told = {
        "topics --learning-curve --seeds 3": "are two questions",
        "topics --shares 10,20": "--shares: only with --learning-curve",
        "topics --seeds 3 --by length --draws 2": "--by, --draws: not with --seeds",
        "topics --learning-curve --data df": "--data: not with --learning-curve",
        "--seeds 3": "--seeds: there is no run",
        "topics --learning-curve": "there is no run 'topics'",
    }
    for line, said in told.items():
        assert said in cell.mistake(f"%evaluate {line}"), line
