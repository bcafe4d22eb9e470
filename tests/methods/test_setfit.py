"""Few rows: texts of one label are drawn together, then a head is fitted."""

import numpy as np
import pytest
import torch
from torch.nn.functional import mse_loss, normalize

import nbtune
from nbtune.errors import RecipeError
from nbtune.jobs.loading import untrained
from nbtune.methods import find_method
from nbtune.methods.setfit import _steps, likeness_loss, preparing
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model_folder, topic_rows


def test_the_loss_is_the_squared_error_of_cosines_both_kinds_of_pairs_alike():
    vectors = normalize(torch.randn(5, 8, generator=torch.Generator().manual_seed(0)))
    labels = torch.tensor([0, 0, 1, 1, 2])
    cosine = {(i, j): vectors[i] @ vectors[j] for i in range(5) for j in range(i + 1, 5)}
    alike = torch.stack([cosine[0, 1], cosine[2, 3]])
    other = torch.stack([c for pair, c in cosine.items() if pair not in ((0, 1), (2, 3))])
    expected = (mse_loss(alike, torch.ones(2)) + mse_loss(other, torch.zeros(8))) / 2
    assert likeness_loss(vectors, labels).item() == pytest.approx(expected.item(), rel=1e-6)


def test_pairs_have_the_loss_of_sentence_transformers():
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    vectors = normalize(torch.randn(4, 8, generator=torch.Generator().manual_seed(1)))
    labels = torch.tensor([0, 0, 1, 1])
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    by_kind = []
    for wanted in (1.0, 0.0):
        own = [pair for pair in pairs if (labels[pair[0]] == labels[pair[1]]) == bool(wanted)]
        given = [{"sentence_embedding": vectors[[pair[side] for pair in own]]} for side in (0, 1)]
        theirs = losses.CosineSimilarityLoss(lambda one: one)
        by_kind.append(theirs(given, torch.full((len(own),), wanted)))
    # Drawn pairs are as many of one kind as of the other.
    assert likeness_loss(vectors, labels).item() == pytest.approx(sum(by_kind).item() / 2, rel=1e-5)


def test_a_batch_without_pairs_has_nothing_to_learn():
    assert likeness_loss(torch.ones(1, 4), torch.tensor([0])).item() == 0


def test_every_row_comes_with_another_of_its_label_in_each_pass():
    labels = np.array([0] * 6 + [1] * 5 + [2])
    recipe = Recipe(contrastive_epochs=2, per_device_train_batch_size=8)
    steps = list(_steps(labels, recipe))
    assert len(steps) == 2 * 3
    assert set(np.concatenate(steps[:3])) == set(range(12))
    for rows in steps:
        counts = np.bincount(labels[rows], minlength=3)
        assert all(count != 1 for count in counts[:2])  # the third label has one row only
    again = list(_steps(labels, recipe))
    assert all(np.array_equal(a, b) for a, b in zip(steps, again, strict=True))


def test_many_rows_are_warned_of_with_the_steps_they_take():
    assert preparing(96, 12, Recipe()) == ("learning which texts are alike, 120 steps", "")
    assert "2,000 rows take 2,500 steps" in preparing(2000, 12, Recipe())[1]


@pytest.fixture
def tiny(tmp_path):
    return str(tiny_model_folder(tmp_path / "tiny"))


def test_labels_are_learnt_and_the_model_is_read_back_as_it_was(own_folder, tiny):
    settings = {"method": "setfit", "learning_rate": 1e-3, "validation_size": 0, "test_size": 30}
    run = nbtune.finetune(topic_rows(75), "few", model=tiny, contrastive_epochs=6, **settings)
    texts = ["a furry mammal", "a city by the sea"]
    found = run.predict_proba(texts)
    assert nbtune.load("few").predict_proba(texts) == pytest.approx(found, abs=1e-6)
    assert nbtune.evaluate(run).metrics["accuracy"] > 0.9
    assert run.parameters.table.trainable == run.model.classifier.weight.numel() + 3
    recipe = run.recipe.settings
    first, second = (untrained(run.folder, recipe).model.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"problem_type": "regression"}, "one label for each single text"),
        ({"text": "a", "text_pair": "b"}, "one label for each single text"),
        ({"task": "fill-mask"}, "one label for each single text"),
        ({"model": "scratch-cnn"}, "scratch-cnn with nothing"),
    ],
)
def test_what_it_is_not_made_for_is_refused(settings, said, tiny):
    with pytest.raises(RecipeError, match=said):
        find_method("setfit").check(Recipe(**{"model": tiny, **settings}))


def test_an_estimate_tries_some_of_the_pairs_and_says_what_all_take(tmp_path):
    own = {"model": str(tiny_model_folder(tmp_path / "model")), "method": "setfit",
           "validation_size": 0, "contrastive_epochs": 50}  # fmt: skip
    found = nbtune.estimate(topic_rows(150), **own, runs_dir=tmp_path / "runs", display="none")
    assert any("before the steps texts are learnt that are alike" in n for n in found.record.notes)
