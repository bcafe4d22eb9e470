import numpy as np
import pytest
import torch

from nbtune.data.batches import InMemory
from nbtune.engine import inference
from nbtune.engine.inference import predict_logits
from nbtune.engine.stepping import Forward
from nbtune.models.packing import packing
from nbtune.models.probing import find_packer
from nbtune.testing import encode, tiny_model, tiny_tokenizer, topic_rows

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rows():
    return encode(topic_rows(30), tiny_tokenizer())


def one_by_one(model, rows):
    with torch.no_grad():
        return np.concatenate([model(torch.tensor([ids])).logits.numpy() for ids in rows.ids])


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("budget", [1, 40, 10_000])
def test_logits_come_in_the_order_of_the_rows_whatever_the_batches(
    monkeypatch, rows, packed, budget
):
    monkeypatch.setattr(inference, "TOKENS_AT_ONCE", budget)
    model = tiny_model().eval()
    packer = find_packer(model) if packed else None
    with packing(model, packer):
        found = predict_logits(Forward(model, CPU, "fp32", packer), rows, 0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, one_by_one(model, rows), atol=1e-6)


def test_a_model_in_training_is_asked_without_dropout_and_left_in_training(rows):
    model = tiny_model().train()
    forward = Forward(model, CPU, "fp32", None)
    assert np.array_equal(predict_logits(forward, rows, 0), predict_logits(forward, rows, 0))
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_progress_ends_with_all_rows(rows, monkeypatch):
    monkeypatch.setattr(inference, "TOKENS_AT_ONCE", 60)
    told = []
    predict_logits(
        Forward(tiny_model(), CPU, "fp32", None),
        rows,
        0,
        lambda done, all_: told.append((done, all_)),
    )
    assert told[-1] == (30, 30)
    assert len(told) > 2
    assert told == sorted(told)


class Tight(Forward):
    """Memory for so many rows and no more."""

    most = 4

    def __call__(self, batch):
        if len(batch.lengths) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().__call__(batch)


def test_where_memory_runs_out_the_batch_is_halved(rows):
    model = tiny_model().eval()
    found = predict_logits(Tight(model, CPU, "fp32", None), rows, 0)
    np.testing.assert_allclose(found, one_by_one(model, rows), atol=1e-6)


def test_one_row_that_does_not_fit_is_an_error(rows):
    forward = Tight(tiny_model(), CPU, "fp32", None)
    forward.most = 0
    with pytest.raises(torch.OutOfMemoryError):
        predict_logits(forward, rows, 0)


def test_other_errors_are_not_taken_for_memory(rows):
    forward = Forward(tiny_model(), CPU, "fp32", None)
    forward.model.forward = lambda **_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        predict_logits(forward, rows, 0)


def test_no_rows_have_no_logits():
    forward = Forward(tiny_model(), CPU, "fp32", None)
    assert predict_logits(forward, InMemory([], np.array([], dtype=np.int64)), 0).shape == (0, 0)
