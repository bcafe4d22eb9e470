"""Rows of images: which columns, which rows, and folders of folders."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nbtune.data.pictured import PICTURED, PICTURED_WITH_TEXT, find
from nbtune.data.preparing import prepare
from nbtune.data.reading import read
from nbtune.errors import DataError
from nbtune.jobs.choosing import suit
from nbtune.recipe import Recipe
from nbtune.testing import image_rows

IMAGES = Recipe(task="image-classification", test_size=0, validation_size=0)


def folder_of(place, *names):
    for number, name in enumerate(names):
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), number).save(file)
    return place


def test_columns_are_found_and_a_text_is_read_where_it_is_named():
    rows = image_rows(24)
    assert find(rows, {}).roles == {"image": "image", "label": "label"}
    assert "text: caption" in find(rows, {}).note
    assert find(rows, {"text": "caption"}).roles["text"] == "caption"
    other = rows.rename(columns={"image": "shot", "label": "kind"})
    assert find(other, {}).roles == {"image": "shot", "label": "kind"}


def test_all_images_that_do_not_open_are_named_at_once_with_their_rows(tmp_path):
    rows = image_rows(6)
    rows.loc[[1, 4], "image"] = pd.Series(["gone.png", b""], index=[1, 4], dtype=object)
    with pytest.raises(DataError) as error:
        prepare(IMAGES, rows, suit=suit)
    assert error.value.problem == (
        "data: 2 of 6 rows cannot be used: 1 with a file that is not there (row 1, such as "
        "'gone.png'); 1 with an empty image (0 bytes) (row 4, such as b'')"
    )
    left = prepare(IMAGES.model_copy(update={"drop_bad_rows": True}), rows, suit=suit)
    assert list(left.splits["train"]["row"]) == [0, 2, 3, 5]


def test_a_wrong_column_is_said_with_where_its_files_were_looked_for():
    with pytest.raises(DataError, match="cannot be used") as error:
        prepare(IMAGES.model_copy(update={"image": "caption"}), image_rows(6), suit=suit)
    assert "is 'caption' the column of images?" in error.value.hint


def test_a_folder_a_label_is_read_with_and_without_splits(tmp_path):
    plain = folder_of(tmp_path / "a", "cat/1.png", "dog/2.jpg", "dog/deep/3.png", ".hid/x.png")
    (plain / "cat" / "notes.md").write_text("no image")
    assert list(read(plain)["train"]["label"]) == ["cat", "dog", "dog"]
    parted = folder_of(tmp_path / "b", "train/cat/1.png", "train/dog/2.png", "test/dog/3.png")
    frames = read(str(parted))
    assert {name: list(frame["label"]) for name, frame in frames.items()} == {
        "train": ["cat", "dog"],
        "test": ["dog"],
    }
    bare = folder_of(tmp_path / "c", "1.png", "2.png")
    assert list(read(bare)["train"].columns) == ["image"]
    folder_of(bare, "cat/3.png")
    with pytest.raises(DataError, match=r"2 images lie in c itself, and 1 in folders of a label"):
        read(bare)


def test_a_file_that_was_painted_over_is_another_row(tmp_path):
    place = folder_of(tmp_path, "cat/1.png", "dog/2.png")
    before = prepare(IMAGES, place, suit=suit)
    assert prepare(IMAGES, place, suit=suit).fingerprint == before.fingerprint
    Image.new("L", (4, 4), 99).save(place / "cat" / "1.png")
    assert prepare(IMAGES, place, suit=suit).fingerprint != before.fingerprint


def test_the_same_image_under_another_name_is_found_in_both_splits(tmp_path):
    place = folder_of(tmp_path, "train/cat/1.png", "train/dog/2.png", "test/dog/3.png")
    (place / "test" / "dog" / "3.png").write_bytes((place / "train" / "dog" / "2.png").read_bytes())
    told = prepare(IMAGES, place, suit=suit).notices
    assert "1 of 1 test images are training images too" in told


def test_images_without_labels_become_rows():
    rows = image_rows(3)
    one = PICTURED.given(rows["image"][0], Recipe())
    many = PICTURED.given(np.zeros((2, 4, 4), np.uint8), Recipe())
    assert (len(one), len(many)) == (1, 2)
    both = Recipe(text="caption")
    pairs = list(zip(rows["image"], rows["caption"], strict=True))
    assert list(PICTURED_WITH_TEXT.given(pairs, both)["text"]) == list(rows["caption"])
    roles = {"image": "image", "text": "caption", "label": "label"}
    assert len(PICTURED_WITH_TEXT.unlabelled(rows.drop(columns="label"), roles, both)) == 3
    with pytest.raises(DataError, match="not an image with a text"):
        PICTURED_WITH_TEXT.given([rows["image"][0]], both)


def test_where_no_task_is_named_images_are_not_taken_for_texts():
    with pytest.raises(Exception, match="holds images") as error:
        prepare(Recipe(), image_rows(6)[["image", "label"]], suit=suit)
    assert "task: image-classification" in error.value.hint
