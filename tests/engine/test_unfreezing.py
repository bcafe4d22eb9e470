"""Layers that wait for their turn are left wholly alone, and their turn is told."""

import pytest
import torch

from nbtune.events import LayersUnfrozen, StepsDone, as_it_stands


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    monkeypatch.setattr("nbtune.engine.reporting.REPORT_SECONDS", 0.0)


def moved(work, training):
    """Return the names of the weights that differ from how they were."""
    before = work.weights()
    training.run()
    after = work.weights()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_a_layer_that_waits_neither_moves_nor_decays_nor_has_moments(lab):
    """Three steps an epoch, six in all: the second layer's turn comes at step 4."""
    work = lab(gradual_unfreezing=1, weight_decay=0.5, eval_strategy="no")
    training = work.training()
    training.stepper.let_go = lambda: None  # so that the moments can be looked at
    names = moved(work, training)
    assert any(".layer.1." in name for name in names)
    assert not any(".layer.0." in name or "embeddings" in name for name in names)
    stepped = {
        name: state["step"].item()
        for name, weight in work.model.named_parameters()
        if (state := training.stepper.optimizer.state.get(weight))
    }
    assert {steps for name, steps in stepped.items() if ".layer.1." in name} == {3}
    assert {steps for name, steps in stepped.items() if name.startswith("classifier")} == {6}
    assert not any(".layer.0." in name for name in stepped)


def test_each_unfreezing_is_told_with_how_much_is_trained(lab):
    work = lab(gradual_unfreezing=1 / 3, eval_strategy="no")
    work.train()
    sizes = [p.numel() for p in work.model.parameters()]
    told = work.told(LayersUnfrozen)
    assert [event.step for event in told] == [2, 3, 4]
    assert told[-1].trainable_parameters == sum(sizes)
    counts = [event.trainable_parameters for event in told]
    assert counts == sorted(set(counts))


def test_it_is_told_once_in_the_history_of_a_run_that_was_taken_up_there(lab):
    work = lab(gradual_unfreezing=1, eval_strategy="no")

    def stop(event):
        if isinstance(event, StepsDone) and event.step == 3:
            work.control.stop("interrupted")

    work.train(listen=stop)
    work.model = None
    work.train(resume=True)
    kept = as_it_stands([(0.0, event) for event in work.events])
    assert [event.step for _, event in kept if isinstance(event, LayersUnfrozen)] == [4]


def test_the_best_weights_of_a_time_when_layers_waited_are_put_back(lab):
    """The second layer moves after the best step, and must be back where it was."""
    work = lab(gradual_unfreezing=1, eval_steps=3, learning_rate=1e-9)
    training = work.training()
    start = work.weights()
    outcome = training.run()
    assert outcome.stopped.best_step == 3
    layer = {name: w for name, w in work.weights().items() if ".layer.1." in name}
    assert all(torch.equal(weight, start[name]) for name, weight in layer.items())
    assert all(weight.requires_grad for weight in work.model.parameters())
