import os
from pathlib import Path

import pytest

from nbtune.runs.files import read_json, staged, write_json


def test_a_folder_appears_whole_in_place_of_the_one_before(tmp_path):
    place = tmp_path / "model"
    for text in ("old", "new"):
        with staged(place) as stage:
            (stage / "weights").write_text(text)
            assert not (place / "weights").exists() or (place / "weights").read_text() != text
    assert (place / "weights").read_text() == "new"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_folder_that_cannot_be_filled_leaves_the_one_before(tmp_path, error):
    place = tmp_path / "model"
    with staged(place) as stage:
        (stage / "weights").write_text("old")

    def fill():
        with staged(place) as stage:
            (stage / "weights").write_text("half")
            raise error

    with pytest.raises(error):
        fill()
    assert (place / "weights").read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_json_is_written_whole_or_not_at_all(tmp_path):
    file = tmp_path / "run.json"
    write_json(file, {"labels": ["ä", "b"]})
    with pytest.raises(ValueError, match="JSON"):
        write_json(file, {"score": float("nan")})
    assert read_json(file) == {"labels": ["ä", "b"]}
    assert read_json(tmp_path / "none.json") is None


def test_an_interrupt_between_the_two_moves_puts_the_one_before_back(tmp_path, monkeypatch):
    place = tmp_path / "model"
    with staged(place) as stage:
        (stage / "weights").write_text("old")
    rename, moves = Path.rename, []

    def interrupted(self, target):
        moves.append(target)
        if len(moves) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    def fill():
        with staged(place) as stage:
            (stage / "weights").write_text("new")

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fill()
    assert (place / "weights").read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_what_an_interrupt_while_tidying_up_left_behind_is_in_nobodys_way(tmp_path):
    place = tmp_path / "model"
    for text in ("old", "new"):
        with staged(place) as stage:
            (stage / "weights").write_text(text)
            left = tmp_path / f".model-old-{os.getpid()}"
            left.mkdir()
            (left / "weights").write_text("older")
    assert (place / "weights").read_text() == "new"
