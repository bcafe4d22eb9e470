"""Images are opened once, and what is wrong with them is found as it is in texts."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import nbtune
from nbtune.data.checks.images import near_images, with_looks
from nbtune.data.checks.taken import look_as
from nbtune.data.pictured import CONTENT
from nbtune.recipe import Recipe
from nbtune.testing import image_rows


def landscape(seed, size=(48, 32)):
    """Draw soft hills, so that a smaller copy still looks the same."""
    hills = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(hills).resize(size, Image.Resampling.BICUBIC)


def encoded(image, kind="JPEG", **how):
    held = io.BytesIO()
    image.save(held, kind, **how)
    return held.getvalue()


def frame_of(images, labels):
    return pd.DataFrame({"image": pd.Series(images, dtype=object), "label": labels})


@pytest.fixture
def planted():
    """Forty landscapes, ten of them for testing, and one fault of each kind."""
    own = [encoded(landscape(seed)) for seed in range(40)]
    labels = ["hill", "dune"] * 20
    odd = {
        "duplicates": (own[0], "hill"),
        "conflicts": (own[3], "hill"),
        "overlap": (own[31], "dune"),
        "near_overlap": (encoded(landscape(32), quality=40), "hill"),
        "near_duplicates": (encoded(landscape(4).resize((24, 16))), "hill"),
        "one_colour": (encoded(Image.new("RGB", (8, 8), "navy"), "PNG"), "dune"),
        "long_images": (encoded(landscape(99, (64, 8)), "PNG"), "dune"),
        "unusable": (b"no image", "dune"),
    }
    images, names = zip(*odd.values(), strict=True)
    train = frame_of([*own[:30], *images], [*labels[:30], *names])
    data = {"train": train, "test": frame_of(own[30:], labels[30:])}
    return data, {check: 30 + place for place, check in enumerate(odd)}


def test_what_is_planted_among_images_is_found_and_nothing_else(planted):
    data, places = planted
    report = nbtune.check_data(data, display="none")
    found = dict(zip(report.findings["check"], report.findings["count"], strict=True))
    assert found == {check: 2 if check == "conflicts" else 1 for check in places}
    assert report.record.task == "image-classification"
    for check, place in places.items():
        rows = nbtune.data.checks.mending.found_rows(data, check)["row"]
        assert place in list(rows), check
    left = nbtune.mend(data, *places)
    assert set(nbtune.check_data(left, display="none").findings["check"]) <= {"imbalance"}


def test_sizes_and_kinds_are_told_with_small_pictures_of_what_was_found(planted):
    data, _ = planted
    report = nbtune.check_data(data, display="none")
    about = report.record.pictures
    assert about.widths == (8, 48, 64)
    assert about.heights == (8, 32, 32)
    assert about.kinds == {"JPEG, colour": 45, "PNG, colour": 2}
    assert sum(about.counts) == 47
    faces = report._repr_mimebundle_()
    assert "pixels in width 8 to 64 (48 in the middle)" in faces["text/plain"]
    assert faces["text/html"].count('<img src="data:image/') >= 8
    assert len(faces["text/html"]) < 60_000
    assert {ax.get_title() for ax in report.figure().axes} >= {"Sizes"}
    assert len([one for one in report.record.preview.pictures if one]) == 3
    again = type(report.record).from_json(report.record.to_json())
    assert again.pictures == about
    assert again.findings == report.record.findings
    assert again.preview == report.record.preview


def test_how_many_images_were_opened_is_told():
    told = []
    images = [encoded(landscape(seed)) for seed in range(5)]
    frames = {"train": frame_of(images, ["hill", "dune", "hill", "dune", "hill"])}
    look_as("image-classification", frames, Recipe(), lambda *done: told.append(done))
    assert [one for one in told if one == (3, 5)] == [(3, 5)] * 2, "checked, then looked at"


def test_how_pixels_are_kept_is_said_where_something_is_lost():
    images = [
        Image.new("RGBA", (4, 4), (9, 9, 9, 9)),
        Image.fromarray(np.full((4, 4), 999, np.uint16)),
        Image.new("L", (4, 4)),
    ]
    rows = pd.DataFrame({"image": [nbtune.data.pictures.check_picture(encoded(one, "PNG"))[1]
                                   for one in images]})  # fmt: skip
    assert list(with_looks(rows)["kind"]) == [
        "PNG, see-through, laid on white", "PNG, more than 8 bits, made 8", "PNG, grey",
    ]  # fmt: skip


def test_digits_look_like_each_other_to_no_one():
    from sklearn.datasets import load_digits

    images = [Image.fromarray((own * 15).astype(np.uint8)) for own in load_digits().images[:300]]
    rows = pd.DataFrame({"image": [nbtune.data.pictures.check_picture(one)[1] for one in images]})
    rows[CONTENT] = nbtune.data.pictures.content_of(rows["image"])
    assert near_images(with_looks(rows)) == []


def test_personal_data_in_texts_beside_images_is_found_and_never_shown():
    rows = image_rows(12)
    rows.loc[3, "caption"] = "ask ann@mail.example.org"
    report = nbtune.check_data(rows, display="none", text="caption")
    assert report["personal"].count == 1
    assert "ann@" not in report.record.to_json()


def test_tokens_of_texts_beside_images_are_counted_and_what_is_cut_of_them_is_shown():
    rows = image_rows(12)
    rows.loc[3, "caption"] = "a brown dog runs over the meadow " * 9
    report = nbtune.check_data(rows, display="none", text="caption", max_length=24)
    lengths = report.record.lengths
    assert (lengths.looked_at, lengths.longest) == (12, 65)  # 9 times 7 words, and both ends
    assert report["truncation"].rows == 12
    assert "The image" not in report.text
    assert "time of a step" not in report.text  # most of which is the image's
    assert "[cut: brown dog" in report.text
    assert type(report.record).from_json(report.record.to_json()) == report.record
