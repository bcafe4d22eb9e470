import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch.nn.functional import cross_entropy

from nbtune.errors import RecipeError
from nbtune.recipe import Recipe
from nbtune.tasks import find_task
from nbtune.testing import check_task

TASK = find_task("text-classification")
targets_of_rows = st.lists(st.integers(0, 2), min_size=1, max_size=30).map(np.array)


def logits_for(targets):
    return torch.randn(len(targets), 3, generator=torch.Generator().manual_seed(0))


def mean_loss(recipe, targets, logits=None):
    loss = TASK.loss(recipe, targets, 3)
    logits = logits_for(targets) if logits is None else logits
    return loss.sum(logits, torch.from_numpy(targets)) / loss.count(targets)


def test_it_can_be_learnt():
    check_task(TASK)


def test_an_unknown_task_gets_the_nearest():
    with pytest.raises(RecipeError) as caught:
        find_task("text-clasification")
    assert str(caught.value) == (
        "there is no task 'text-clasification'\n  did you mean 'text-classification'?"
    )


def test_a_model_that_knows_nothing_loses_the_logarithm_of_the_labels():
    loss = mean_loss(Recipe(), np.array([0, 1, 2]), torch.zeros(3, 3))
    assert loss.item() == pytest.approx(np.log(3))


@given(targets_of_rows, st.sampled_from([None, "balanced"]), st.sampled_from([0.0, 0.1]))
def test_the_mean_is_that_of_torch(targets, class_weight, smoothing):
    recipe = Recipe(class_weight=class_weight, label_smoothing_factor=smoothing)
    counts = np.maximum(np.bincount(targets, minlength=3), 1)
    weight = torch.tensor(len(targets) / (3 * counts), dtype=torch.float32)
    expected = cross_entropy(
        logits_for(targets),
        torch.from_numpy(targets),
        weight=weight if class_weight else None,
        label_smoothing=smoothing,
    )
    assert mean_loss(recipe, targets).item() == pytest.approx(expected.item(), rel=1e-5)


@given(targets_of_rows, st.integers(1, 7), st.sampled_from([None, "balanced"]))
def test_micro_batches_add_up_to_the_whole(targets, rows, class_weight):
    loss = TASK.loss(Recipe(class_weight=class_weight, label_smoothing_factor=0.1), targets, 3)
    logits, wanted = logits_for(targets), torch.from_numpy(targets)
    parts = [slice(start, start + rows) for start in range(0, len(targets), rows)]
    total = sum(loss.sum(logits[part], wanted[part]).item() for part in parts)
    assert total == pytest.approx(loss.sum(logits, wanted).item(), rel=1e-5)
    count = sum(loss.count(targets[part]) for part in parts)
    assert count == pytest.approx(loss.count(targets), rel=1e-5)


def test_balanced_weights_are_those_of_scikit_learn():
    targets = np.array([0] * 6 + [1] * 3 + [2])
    weights = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    loss = TASK.loss(Recipe(class_weight="balanced"), targets, 3)
    assert [loss.count(np.array([label])) for label in range(3)] == pytest.approx(weights)
    assert loss.count(targets) == pytest.approx(10)


def test_a_label_without_training_rows_has_a_finite_weight():
    assert torch.isfinite(mean_loss(Recipe(class_weight="balanced"), np.array([0, 0, 1])))


def test_the_loss_is_taken_in_float32():
    targets = np.array([0, 1])
    half = TASK.loss(Recipe(), targets, 3).sum(
        logits_for(targets).to(torch.bfloat16), torch.from_numpy(targets)
    )
    assert half.dtype == torch.float32


def test_focal_loss_counts_sure_rows_less():
    """Of a row at p = 0.75 there is left a sixteenth with gamma 2, of one at 0.5 a quarter."""
    logits = torch.tensor([[0.75, 0.125, 0.125], [0.25, 0.5, 0.25]]).log()
    targets = np.array([0, 1])
    found = mean_loss(Recipe(focal_gamma=2), targets, logits)
    assert found.item() == pytest.approx((-np.log(0.75) / 16 - np.log(0.5) / 4) / 2)


@given(targets_of_rows, st.sampled_from([None, "balanced"]), st.sampled_from([0.0, 0.1]))
def test_a_gamma_of_almost_nothing_is_cross_entropy(targets, class_weight, smoothing):
    settings = {"class_weight": class_weight, "label_smoothing_factor": smoothing}
    plain = mean_loss(Recipe(**settings), targets)
    focal = mean_loss(Recipe(**settings, focal_gamma=1e-9), targets)
    assert focal.item() == pytest.approx(plain.item(), rel=1e-5)


def test_weights_are_taken_in_the_order_of_the_labels():
    targets = np.array([0, 1, 2, 2])
    found = mean_loss(Recipe(class_weight=(1.0, 2.0, 0.5)), targets)
    weight = torch.tensor([1.0, 2.0, 0.5])
    expected = cross_entropy(logits_for(targets), torch.from_numpy(targets), weight=weight)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
