import math

import numpy as np
import pytest
import torch

from nbtune.engine.lion import Lion
from nbtune.engine.muon import Muon, orthogonalised
from nbtune.engine.optimizing import OPTIMIZERS, make_optimizer
from nbtune.engine.stepping import Forward, Stepper
from nbtune.models import embedding
from nbtune.models.embedding import row_gradients
from nbtune.recipe import Recipe
from nbtune.tasks import find_task
from nbtune.testing import encode, tiny_model, tiny_tokenizer, topic_rows

RATES = {"sgd": 0.3, "adagrad": 1e-2, "rmsprop": 1e-3, "lion": 1e-3, "muon": 1e-2}


@pytest.mark.parametrize("optim", OPTIMIZERS)
def test_every_optimiser_learns_twelve_rows(optim):
    rows, model, recipe = encode(topic_rows(12), tiny_tokenizer()), tiny_model(), Recipe()
    rate = RATES.get(optim, 3e-3)
    stepper = Stepper(
        Forward(model.eval(), torch.device("cpu"), "fp32", None),
        make_optimizer(model, Recipe(optim=optim), rate),
        find_task("text-classification").loss(recipe, rows.targets, 3),
        micro_rows=12,
        max_grad_norm=1.0,
        pad_id=0,
        tell=[].append,
    )
    for _ in range(60 if optim == "sgd" else 30):
        step = stepper.update(stepper.look(rows, np.arange(12)), rate)
    assert step.seen.loss < 0.7 < math.log(3)


@pytest.mark.parametrize("optim", OPTIMIZERS)
def test_row_gradients_take_every_optimiser_the_same_way(optim, monkeypatch):
    """The gradient of a large table is kept between steps, so none may write into it."""
    monkeypatch.setattr(embedding, "LARGE", 1)
    course = []
    for rows in (True, False):
        model = tiny_model().eval()
        optimizer = make_optimizer(model, Recipe(optim=optim, weight_decay=0.1), 1e-2)
        with row_gradients(model if rows else torch.nn.Identity()):
            for step in range(4):
                ids = torch.arange(6)[None] + 7 * step
                optimizer.zero_grad(set_to_none=True)
                model(input_ids=ids).logits.logsumexp(1).sum().backward()
                optimizer.step()
        course.append(model.bert.embeddings.word_embeddings.weight.detach())
    assert torch.allclose(*course, atol=1e-6)


def test_lion_moves_by_the_sign_of_the_interpolated_mean():
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
    optimizer = Lion([weight], lr=0.1, betas=(0.5, 0.9), weight_decay=0.2)
    for gradient in ([1.0, -1.0, 0.0], [-0.2, -1.0, 0.0]):
        weight.grad = torch.tensor(gradient)
        optimizer.step()
    # Signs +, -, 0 and then, of 0.5 * 0.1 * (1, -1, 0) + 0.5 * g, -, -, 0; decay 0.98 each time.
    expected = [(1 * 0.98 - 0.1) * 0.98 + 0.1, (-2 * 0.98 + 0.1) * 0.98 + 0.1, 0.5 * 0.98**2]
    assert weight.tolist() == pytest.approx(expected)


def test_orthogonalised_matrices_stretch_nothing_much():
    torch.manual_seed(0)
    for shape in ((6, 6), (3, 9), (9, 3)):
        matrix = torch.randn(shape)
        found = torch.linalg.svdvals(orthogonalised(matrix))
        assert found.min() > 0.5
        assert found.max() < 1.5


def test_muon_is_that_of_torch_in_float32(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor)
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.ones(3, 5)) for _ in range(2))
    options = {"lr": 0.02, "weight_decay": 0.1}
    mine = Muon([{"params": [ours], "hidden": True}], **options)
    reference = torch.optim.Muon([theirs], adjust_lr_fn="match_rms_adamw", **options)
    for _ in range(3):
        ours.grad = theirs.grad = torch.randn(3, 5)
        mine.step()
        reference.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_muon_leaves_embeddings_head_and_biases_to_adamw():
    model = tiny_model()
    groups = make_optimizer(model, Recipe(optim="muon"), 1e-3).param_groups
    hidden = {weight for group in groups if group["hidden"] for weight in group["params"]}
    names = {name for name, weight in model.named_parameters() if weight in hidden}
    assert len(names) == 2 * 6, "query, key, value, output and two of the feed-forward layer"
    assert all("encoder.layer" in n and n.endswith("weight") and "Norm" not in n for n in names)
