"""Images in all forms that people have them in, and what is wrong with those that do not open."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from nbtune.data.pictures import (
    LARGEST,
    check_picture,
    content_of,
    is_picture,
    name_of,
    open_picture,
    thumbnail,
)
from nbtune.errors import DataError

NO_SHADES = "numbers that are neither whole from 0 to 255 nor fractions from 0 to 1"
RED = Image.new("RGB", (6, 4), (255, 0, 0))


def encoded(image=RED, kind="PNG", **options):
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def bomb():
    """Return a small file that says it has 900,000,000 pixels."""

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99)))


@pytest.fixture
def file(tmp_path):
    place = tmp_path / "red.png"
    place.write_bytes(encoded())
    return place


@pytest.mark.parametrize("form", [
    lambda file: str(file),
    lambda file: file,
    lambda file: file.read_bytes(),
    lambda file: RED,
    lambda file: np.asarray(RED),
    lambda file: np.asarray(RED) / 255,
    lambda file: np.asarray(RED).transpose(2, 0, 1),
    lambda file: np.asarray(RED).tolist(),
    lambda file: {"bytes": None, "path": str(file)},
    lambda file: {"bytes": file.read_bytes(), "path": "elsewhere.png"},
])  # fmt: skip
def test_every_form_of_an_image_opens_as_the_same(file, form):
    fault, kept = check_picture(form(file))
    assert not fault
    assert np.array_equal(np.asarray(open_picture(kept)), np.asarray(RED))
    assert check_picture(kept) == ("", kept)


@pytest.mark.parametrize(("cell", "fault"), [
    (None, "no image"),
    (float("nan"), "no image"),
    (b"", "an empty image (0 bytes)"),
    (b"hello", "something that is no image"),
    (encoded(Image.effect_noise((99, 99), 50), "JPEG")[:999],
     "an image that is cut off or damaged"),
    (bomb(), "an image of more than 89,478,485 pixels (the limit of Pillow)"),
    ("nowhere.png", "a file that is not there"),
    (".", "a folder in place of a file"),
    ("https://a.org/b.png", "an address on the web (nothing is downloaded)"),
    ("a\x00b.png", "a file that is not there"),
    ("a\ud800.png", "half a character (a lone surrogate)"),
    (np.full((2, 2), 16.0), NO_SHADES),
    (np.array([[np.nan, 1.0]]), NO_SHADES),
    (np.zeros(3), "numbers that are no grid of 1, 3 or 4 channels"),
    (3, "an image of type int"),
])  # fmt: skip
def test_what_is_wrong_with_an_image_is_said(cell, fault):
    found, kept = check_picture(cell)
    assert found == fault
    assert kept == ""


def test_what_is_see_through_lies_on_white_and_a_photo_stands_upright():
    clear = check_picture(Image.new("RGBA", (2, 2), (9, 9, 9, 0)))[1]
    assert open_picture(clear).getpixel((0, 0)) == (255, 255, 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    turned = check_picture(encoded(RED, "JPEG", exif=exif.tobytes()))[1]
    assert open_picture(turned).size == (4, 6)


def test_sixteen_bits_become_eight_and_are_not_cut_off():
    deep = Image.fromarray(np.array([[0, 32_768, 65_535]], dtype=np.uint16))
    assert [each[0] for each in np.asarray(open_picture(check_picture(deep)[1]))[0]] == [
        0,
        128,
        255,
    ]


def test_a_small_copy_is_small_whatever_it_shows():
    loud = Image.fromarray(np.random.default_rng(0).integers(0, 256, (900, 700, 3), np.uint8))
    address = thumbnail(check_picture(loud)[1])
    assert len(address) <= LARGEST
    small = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    assert max(small.size) == 48
    assert max(Image.open(io.BytesIO(base64.b64decode(thumbnail(check_picture(RED)[1])
                                                      .partition(",")[2]))).size) == 48  # fmt: skip


def test_a_file_that_is_gone_is_named(file):
    kept = check_picture(file)[1]
    file.unlink()
    assert thumbnail(kept) == ""
    with pytest.raises(DataError, match=r"red.png' does not open any more"):
        open_picture(kept)


def test_what_an_image_holds_counts_and_not_what_it_is_called(tmp_path, file):
    other = tmp_path / "copy.png"
    other.write_bytes(file.read_bytes())
    assert content_of([str(file)]) == content_of([str(other)])
    assert name_of(str(file)) == f"{tmp_path.name}/red.png"


@pytest.mark.parametrize(("cell", "expected"), [
    ("a/b.JPG", True), ("a dog", False), (RED, True), (b"x", True), (np.zeros((2, 2)), True),
    ([1, 2], False), ({"bytes": b"", "path": None}, True), ({"a": 1}, False),
])  # fmt: skip
def test_columns_of_images_are_told_from_others(cell, expected):
    assert is_picture(cell) is expected
