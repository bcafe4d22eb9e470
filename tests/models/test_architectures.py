import numpy as np
import pytest
import torch
import transformers

import nbtune
from nbtune.errors import ModelError
from nbtune.models.loading import load_model, load_tokenizer, outline_model
from nbtune.models.scratch import SIZES
from nbtune.models.sources import SCRATCH_RATES, ModelSource, find_model
from nbtune.testing import topic_rows

KINDS = list(SCRATCH_RATES)
CLASSIC = ["scratch-lstm", "scratch-gru", "scratch-cnn", "scratch-bag"]
SEQUENCE, TOKENS = "AutoModelForSequenceClassification", "AutoModelForTokenClassification"


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(find_model("scratch-lstm"), list(topic_rows(60)["text"]))


def made(kind, tokenizer, head=SEQUENCE, size="tiny"):
    source = ModelSource(kind, "scratch", size=size)
    return load_model(source, tokenizer, ["a", "b", "c"], head=head).model.eval()


@pytest.mark.parametrize("head", [SEQUENCE, TOKENS])
@pytest.mark.parametrize("kind", CLASSIC)
def test_padding_changes_nothing(kind, head, tokenizer):
    model = made(kind, tokenizer, head)
    rows = [[2, 9, 10, 11, 3], [2, 12, 3], [2, 13, 14, 3]]
    ids, mask = torch.zeros(3, 9, dtype=torch.long), torch.zeros(3, 9, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), 1
    together = model(ids, attention_mask=mask).logits
    for i, row in enumerate(rows):
        alone = model(torch.tensor([row])).logits[0]
        own = together[i] if head == SEQUENCE else together[i, : len(row)]
        torch.testing.assert_close(own, alone, rtol=1e-5, atol=1e-6)


def test_means_and_variances_of_a_cnn_are_those_of_tokens(tokenizer):
    """Padding has no part in batch normalisation, in training either."""
    one, other = made("scratch-cnn", tokenizer).train(), made("scratch-cnn", tokenizer).train()
    for dropout in (*one.modules(), *other.modules()):
        if isinstance(dropout, torch.nn.Dropout):
            dropout.p = 0.0
    ids = torch.tensor([[2, 9, 10, 11, 3, 0, 0], [2, 12, 13, 3, 0, 0, 0]])
    mask = (ids != 0).long()
    short = one(ids[:, :5], attention_mask=mask[:, :5]).logits
    torch.testing.assert_close(other(ids, attention_mask=mask).logits, short)
    for a, b in zip(one.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_cnn_trains_on_a_single_token(tokenizer):
    model = made("scratch-cnn", tokenizer).train()
    model(torch.tensor([[5]])).logits.sum().backward()
    assert all(
        torch.isfinite(weight.grad).all() for weight in model.encoder.embeddings.parameters()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_each_size_is_larger_than_the_one_before(kind):
    counts = [
        outline_model(ModelSource(kind, "scratch", size=size), SEQUENCE).num_parameters()
        for size in SIZES
    ]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("kind", CLASSIC)
def test_the_same_seed_draws_the_same_weights(kind, tokenizer):
    one, other = made(kind, tokenizer).state_dict(), made(kind, tokenizer).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["encoder.embeddings.weight"].std() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("head", [SEQUENCE, TOKENS])
@pytest.mark.parametrize("kind", CLASSIC)
def test_auto_classes_read_what_was_saved(kind, head, tokenizer, tmp_path):
    model = made(kind, tokenizer, head)
    model.save_pretrained(tmp_path)
    again = getattr(transformers, head).from_pretrained(tmp_path).eval()
    ids = torch.tensor([[2, 9, 10, 3]])
    torch.testing.assert_close(again(ids).logits, model(ids).logits, rtol=1e-5, atol=1e-6)
    assert again.config.architecture == kind.removeprefix("scratch-")
    assert (tmp_path / "model.safetensors").is_file()


@pytest.mark.parametrize("kind", CLASSIC)
def test_a_task_without_a_head_for_it_is_refused(kind, tokenizer):
    with pytest.raises(ModelError, match="no head for this task") as caught:
        made(kind, tokenizer, "AutoModelForQuestionAnswering")
    assert "bert" in caught.value.hint


@pytest.mark.parametrize("kind", KINDS)
def test_each_learns_and_answers_the_same_when_it_is_loaded_again(kind, tmp_path):
    rows = topic_rows(90)
    run = nbtune.finetune(
        rows,
        "it",
        model=kind,
        size="tiny",
        num_train_epochs=6,
        per_device_train_batch_size=8,
        runs_dir=tmp_path,
        display="none",
    )
    said = run.predict_proba(list(rows["text"]))
    right = (run.predict(list(rows["text"])) == rows["label"].to_numpy()).mean()
    assert right > 0.6
    again = nbtune.load("it", runs_dir=tmp_path).predict_proba(list(rows["text"]))
    np.testing.assert_allclose(said, again, rtol=1e-5)
