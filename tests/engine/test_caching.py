"""What frozen layers say is computed once; the weights that come out are the same."""

import dataclasses
import errno
import time

import numpy as np
import pytest
import torch

from nbtune.engine import caching
from nbtune.events import CheckpointSaved, Evaluated, Notice, PhaseStarted
from nbtune.methods import find_method
from nbtune.models.packing import Packer
from nbtune.models.probing import find_frozen
from nbtune.recipe import Recipe
from nbtune.testing import tiny_model

SLOW = {"num_train_epochs": 3, "learning_rate": 1e-2}


def frozen_model(kind="bert", layers=0, dropout=0.0):
    model = find_method("head").apply(tiny_model(kind), Recipe())
    if layers:
        model.base_model.encoder.layer[-1].requires_grad_(True)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
    return model


def train(work, model, *, cache=True, resume=False, listen=None):
    work.model = model
    work.folder.mkdir(exist_ok=True)
    training = work.training(listen)
    training.job = dataclasses.replace(training.job, states=work.folder / "states")
    if cache:
        packer = training.job.forward.packer
        packer.frozen = find_frozen(model, packer)
        assert packer.frozen is not None
    return training.run(resume)


@pytest.mark.parametrize(("kind", "layers"), [("bert", 0), ("bert", 1), ("gpt2", 0)])
def test_without_dropout_the_weights_are_those_of_a_run_that_keeps_nothing(lab, kind, layers):
    cached, whole = lab(**SLOW), lab(**SLOW)
    train(cached, frozen_model(kind, layers))
    train(whole, frozen_model(kind, layers), cache=False)
    before = dict(frozen_model(kind, layers).named_parameters())
    for name, weight in whole.weights().items():
        torch.testing.assert_close(cached.weights()[name], weight, atol=1e-5, rtol=1e-4)
    assert any(not torch.equal(weight, before[name]) for name, weight in cached.weights().items())
    ours, theirs = (work.told(Evaluated)[-1] for work in (cached, whole))
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-4)


def test_the_user_is_told_and_the_file_is_gone_afterwards(lab):
    work = lab(**SLOW)
    train(work, frozen_model())
    assert PhaseStarted("running frozen layers") in work.events
    assert any("2 of 2 layers are frozen" in event.text for event in work.told(Notice))
    assert not (work.folder / "states").exists()


def test_the_time_that_frozen_layers_take_is_time_of_the_run(lab, monkeypatch):
    real = caching.with_states

    def slowly(*args):
        time.sleep(0.5)
        return real(*args)

    monkeypatch.setattr("nbtune.engine.caching.with_states", slowly)
    assert train(lab(**SLOW), frozen_model()).stopped.seconds > 0.5


def test_a_run_that_was_cut_goes_on_as_if_it_had_not_been(lab):
    whole, cut = lab(**SLOW), lab(**SLOW)
    train(whole, frozen_model(layers=1, dropout=0.1))

    def stop(event):
        if isinstance(event, CheckpointSaved):
            cut.control.stop("interrupted")

    assert train(cut, frozen_model(layers=1, dropout=0.1), listen=stop).stopped.step == 3
    train(cut, frozen_model(layers=1, dropout=0.1), resume=True)
    for name, weight in whole.weights().items():
        assert torch.equal(cut.weights()[name], weight)


def test_a_run_too_short_to_gain_from_it_keeps_nothing(lab):
    work = lab(max_steps=3)
    train(work, frozen_model())
    assert PhaseStarted("running frozen layers") not in work.events


def test_where_the_disk_is_too_full_the_layers_run_in_every_step(lab, monkeypatch):
    monkeypatch.setattr(caching, "SHARE_OF_DISK", 0.0)
    work = lab(**SLOW)
    assert train(work, frozen_model()).stopped.reason == "finished"
    assert any("not kept" in event.text and "No space" in event.text for event in work.told(Notice))


def test_a_disk_that_fills_up_meanwhile_is_no_end_either(lab, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "ascontiguousarray", full)
    work = lab(**SLOW)
    assert train(work, frozen_model()).stopped.reason == "finished"
    assert any("not kept" in event.text for event in work.told(Notice))
    assert not (work.folder / "states").exists()


def test_memory_that_runs_out_while_they_run_halves_the_batch(lab, monkeypatch):
    real, sizes = Packer.record, []

    def record(self, call):
        found = real(self, call)
        sizes.append(len(found))
        if len(found) > 20:
            raise torch.OutOfMemoryError("out of memory")
        return found

    monkeypatch.setattr(Packer, "record", record)
    work = lab(**SLOW)
    assert train(work, frozen_model()).stopped.reason == "finished"
    assert max(sizes) > 20
    probe, *small = (size for size in sizes if size <= 20)
    assert (probe, sum(small)) == (3, 48 + 24)
