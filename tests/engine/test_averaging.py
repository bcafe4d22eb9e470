import numpy as np
import pytest
import torch

from nbtune.engine.averaging import Average, share_of
from nbtune.engine.inference import predict_logits
from nbtune.errors import RecipeError
from nbtune.events import Evaluated, StepsDone
from nbtune.recipe import Recipe, from_yaml


def mean_of(values, shares):
    """Let a weight go through these values; returns the mean that is left in the model."""
    model = torch.nn.Linear(1, 1, bias=False)
    average = Average(model)
    for value, share in zip(values, shares, strict=True):
        torch.nn.init.constant_(model.weight, value)
        average.add(share)
    with average.in_place():
        found = model.weight.item()
    assert model.weight.item() == values[-1], "the model goes on with its own weights"
    return found


def shares(recipe, steps):
    return [share_of(recipe, step, steps) for step in range(1, steps + 1)]


def test_from_its_start_on_all_weights_count_the_same():
    assert mean_of([9, 9, 1, 2, 6], shares(Recipe(swa_start=3), 5)) == pytest.approx(3)
    assert mean_of([9, 9, 1, 2, 6], shares(Recipe(swa_start=0.6), 5)) == pytest.approx(3)


def test_an_exponential_mean_forgets_its_start_sooner():
    assert shares(Recipe(ema_decay=0.99), 3) == pytest.approx([9 / 11, 9 / 12, 9 / 13])
    assert share_of(Recipe(ema_decay=0.99), 10_000, 10_000) == pytest.approx(0.01)
    found = mean_of([1, 2, 3], shares(Recipe(ema_decay=0.99), 3))
    assert found == pytest.approx((1 * 3 / 12 + 2 * 9 / 12) * 4 / 13 + 3 * 9 / 13)


def test_without_a_mean_nothing_is_kept():
    assert shares(Recipe(), 2) == [None, None]
    assert mean_of([1, 2], [None, None]) == 2


def test_two_means_at_once_are_refused():
    with pytest.raises(RecipeError, match="two means of the weights"):
        from_yaml("ema_decay: 0.9\nswa_start: 0.5\n")


def test_the_mean_is_what_a_run_leaves(lab, monkeypatch):
    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)
    work, seen = lab(swa_start=4), []
    work.validation = None

    def listen(event):
        if isinstance(event, StepsDone):
            seen.append(work.weights())

    work.train(listen=listen)
    assert len(seen) == 6
    for name, kept in work.weights().items():
        mean = torch.stack([weights[name] for weights in seen[3:]]).mean(0)
        assert torch.allclose(kept, mean, atol=1e-6), name


@pytest.mark.parametrize("settings", [{"ema_decay": 0.9}, {"swa_start": 0.5}])
def test_the_mean_is_what_is_scored_and_kept_as_the_best(lab, settings):
    work = lab(eval_steps=2, learning_rate=3e-3, **settings)
    best_step = work.train().stopped.best_step
    scored = {event.step: event.loss for event in work.told(Evaluated)}
    job = work.job()
    logits = torch.from_numpy(predict_logits(job.forward, job.validation, 0))
    targets = np.asarray(job.validation.targets)
    loss = job.loss.sum(logits, torch.from_numpy(targets)) / job.loss.count(targets)
    assert float(loss) == pytest.approx(scored[best_step], rel=1e-5)
