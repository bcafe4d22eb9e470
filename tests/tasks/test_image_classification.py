"""Images, and images with a text, from rows to answers."""

import re

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset, Image

import nbtune
from nbtune.data.pictured import PICTURED
from nbtune.errors import DataError, ModelError, RecipeError
from nbtune.panels.review import ReviewPanel
from nbtune.recipe import Recipe
from nbtune.tasks.image_classification import IMAGES, WITH_TEXT
from nbtune.testing import check_task, image_rows, tiny_image_model_folder, topic_rows

ROWS = image_rows(60)


def learn(rows, runs_dir, **settings):
    given = {"task": "image-classification", "size": "tiny", "max_steps": 12, "display": "none"}
    return nbtune.finetune(rows, "run", runs_dir=runs_dir, **{**given, **settings})


@pytest.mark.parametrize("task", [IMAGES, WITH_TEXT])
def test_the_task_keeps_what_every_task_must(task):
    roles = {"image": "image", "text": "caption", "label": "label"}
    rows, _ = PICTURED.usable(ROWS.head(24), roles, Recipe(), "data")
    check_task(task, rows if task is WITH_TEXT else rows.drop(columns="text"), "clip")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return learn(ROWS, tmp_path_factory.mktemp("runs"))


def test_a_small_network_learns_colours_from_nothing(run):
    assert type(run.model).__name__ == "ConvolutionForImageClassification"
    assert run.score(ROWS["image"], ROWS["label"]) > 0.9
    assert "16 × 16 pixels" in run._repr_mimebundle_()["text/html"]


def test_answers_show_the_images_small_and_escape_what_comes_from_data(run, tmp_path):
    evil = tmp_path / '"><script>x.png'
    ROWS["image"][0].save(evil)
    found = nbtune.predict(run, [str(evil), ROWS["image"][1]], display="none")
    assert list(found["image"]) == [str(evil), found["image"][1]]
    html = found._repr_html_()
    assert html.count("<img ") == 2
    assert "<script>" not in html
    assert re.search(r'<img src="data:image/png;base64,[^"]+" alt="[^"]*x.png"', html)
    assert type(found[["label"]]) is pd.DataFrame


def test_the_worst_errors_show_their_images_in_a_few_bytes(run):
    wrong = ROWS.assign(label=np.roll(ROWS["label"], 1))
    found = nbtune.evaluate(run, wrong, display="none")
    html = found._repr_mimebundle_()["text/html"]
    assert html.count("<img ") == 10
    assert len(html) < 60_000
    assert list(found.errors(2).columns)[:2] == ["row", "image"]
    names = [judged.name for judged in found.record.table]
    assert names == ["majority", "grey pixels + logistic regression", "run@1"]


def test_rows_are_reviewed_with_their_images(run):
    review = nbtune.review(run, split="train", display="none")
    html = review._repr_mimebundle_()["text/html"]
    assert html.count("<img ") == 20
    assert review.image(review.rows[0].row).startswith("data:image/")
    panel = ReviewPanel(review)
    panel.list.value = [panel.shown[0].row]
    assert panel.one.value.count("<img ") == 1


def test_images_of_datasets_are_asked_about_as_they_are(run):
    rows = Dataset.from_dict({"image": list(ROWS["image"][:4])}).cast_column("image", Image())
    assert list(nbtune.predict(run, rows, display="none")["label"]) == list(
        nbtune.predict(run, ROWS["image"][:4], display="none")["label"]
    )


def test_a_run_goes_the_whole_way_with_a_text_beside_each_image(tmp_path):
    run = learn(ROWS, tmp_path, text="caption", model="scratch-transformer", max_steps=4)
    asked = nbtune.predict(run, ROWS.head(2), display="none")
    assert list(asked["text"]) == list(ROWS["caption"][:2])
    found = nbtune.evaluate(run, display="none")
    assert "pixels, words + logistic regression" in [one.name for one in found.record.table]


def test_what_cannot_be_is_refused_before_a_run_is_there(run, tmp_path):
    vit = str(tiny_image_model_folder(tmp_path / "vit"))
    runs = tmp_path / "runs"
    for settings, problem in (
        ({"model": "scratch-lstm"}, "scratch-lstm does not read images"),
        ({"model": vit, "text": "caption"}, "vit model, which has no head for this task"),
        ({"model": vit, "method": "prefix-tuning"}, "puts words before texts"),
        ({"model": vit, "method": "setfit"}, "setfit learns one label for each single text"),
        ({"method": "lora"}, "finds no linear layer in scratch-cnn"),
        ({"max_length": 8}, "of no use where one label per image is learnt"),
    ):
        with pytest.raises((ModelError, RecipeError), match=problem):
            learn(ROWS, runs, **settings)
    with pytest.raises(ModelError, match="vit model, which has no head"):
        nbtune.finetune(topic_rows(12), model=vit, runs_dir=runs, display="none")
    assert not nbtune.list_runs(runs_dir=runs)
    for ask in (nbtune.explain, nbtune.attention):
        with pytest.raises(DataError, match="a file that is not there"):
            ask(run, "a text")


def test_an_estimate_speaks_of_images_and_not_of_tokens(tmp_path):
    found = nbtune.estimate(
        ROWS, task="image-classification", size="tiny", runs_dir=tmp_path, display="none"
    )
    assert "48 images" in found.text
    assert "tokens on average" not in found.text


def test_digits_ship_with_scikit_learn():
    found = nbtune.datasets.load("digits")
    assert found["split"].value_counts().to_dict() == {"train": 1437, "test": 360}
    assert found["image"][0].size == (8, 8)
    assert sorted(set(found["label"])) == list("0123456789")
