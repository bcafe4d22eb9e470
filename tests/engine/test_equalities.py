"""Ways to the same update: how a batch is cut up and what is kept in memory change nothing."""

import pytest
import torch

from nbtune.events import StepsDone
from nbtune.models.loading import quiet
from nbtune.testing import tiny_model


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)


def trained(work, *, dropout=True, checkpointing=False):
    work.model = tiny_model()
    if not dropout:
        for module in work.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    calls = []
    work.model.bert.encoder.layer[0].attention.register_forward_hook(
        lambda module, *_: calls.append(module.training)
    )
    if checkpointing:
        with quiet():
            work.model.gradient_checkpointing_enable({"use_reentrant": False})
    assert work.train().stopped.reason == "finished"
    told = work.told(StepsDone)
    work.forwards = sum(calls)
    return [event.loss for event in told], [event.gradient_norm for event in told]


@pytest.mark.parametrize("batching", ["packed", "padded"])
@pytest.mark.parametrize("micro", [1, 3, 8])
def test_accumulation_of_small_micro_batches_is_one_large_one(lab, batching, micro):
    """24 rows a step: 1 x 24, 3 x 8, 8 x 3; rows are left over at the end of an epoch."""
    same = {"batching": batching, "eval_strategy": "no", "num_train_epochs": 3}
    whole = lab(per_device_train_batch_size=24, **same)
    parts = lab(per_device_train_batch_size=micro, gradient_accumulation_steps=24 // micro, **same)
    expected, found = (trained(work, dropout=False) for work in (whole, parts))
    assert found[0] == pytest.approx(expected[0], abs=1e-6)
    assert found[1] == pytest.approx(expected[1], abs=1e-6)


@pytest.mark.parametrize("batching", ["packed", "padded"])
@pytest.mark.parametrize("attention", [0.0, 0.1])
def test_activations_made_twice_give_the_losses_of_those_kept(lab, batching, attention):
    """Dropout is on: the second time it must draw what it drew the first time."""
    same = {"batching": batching, "attention_dropout": attention, "eval_steps": 2}
    micro = {"per_device_train_batch_size": 5, "gradient_accumulation_steps": 3}
    kept, twice = lab(**same, **micro), lab(**same, **micro)
    expected, found = trained(kept), trained(twice, checkpointing=True)
    assert twice.forwards == 2 * kept.forwards
    assert found[0] == expected[0]
    assert found[1] == pytest.approx(expected[1], rel=1e-5)
    weights, others = kept.weights(), twice.weights()
    assert max(float((weights[n] - others[n]).abs().max()) for n in weights) < 1e-6
