"""The head alone: what it stands on."""

import pytest

import nbtune
from nbtune.methods import find_method
from nbtune.models.loading import load_model, load_tokenizer
from nbtune.recipe import Recipe
from nbtune.testing import saved_source, tiny_sentence_encoder, topic_rows


@pytest.fixture
def encoder(tmp_path):
    return tiny_sentence_encoder(tmp_path / "tiny")


def test_head_of_a_sentence_encoder_stands_on_the_vector_it_was_made_to_give(own_folder, encoder):
    frame = topic_rows(60)
    run = nbtune.finetune(frame, "few", model=str(encoder), method="head", learning_rate=0.05)
    assert run.model.config.pooling == "mean"
    assert {name for name, p in run.model.named_parameters() if p.requires_grad} == {
        "classifier.weight", "classifier.bias",
    }  # fmt: skip
    texts = list(frame["text"][:3])
    assert nbtune.load("few").predict_proba(texts) == pytest.approx(run.predict_proba(texts))


def test_head_of_another_model_or_for_pairs_is_that_of_the_model(encoder):
    source = saved_source(encoder)
    tokenizer = load_tokenizer(source, [])

    def headed(**recipe):
        model = load_model(source, tokenizer, ["a", "b"]).model
        return type(find_method("head").apply(model, Recipe(method="head", **recipe))).__name__

    assert headed() == "PooledForSequenceClassification"
    assert headed(text="a", text_pair="b") == "BertForSequenceClassification"
    (encoder / "modules.json").unlink()
    assert headed() == "BertForSequenceClassification"
