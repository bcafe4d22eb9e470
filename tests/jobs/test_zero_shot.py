"""What label names alone say: by likeness, by entailment, and as line 0 of the tables."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

import nbtune
from nbtune.engine.embedding import embed
from nbtune.errors import DataError, ModelError
from nbtune.events import BaselineScored, Notice
from nbtune.jobs import line_zero, zero_shot
from nbtune.models.pooling import pool
from nbtune.models.sentences import load_encoder
from nbtune.models.sources import find_model
from nbtune.testing import (
    tiny_config,
    tiny_sentence_encoder,
    tiny_tokenizer,
    topic_rows,
)

TEXTS = ["a furry mammal that hunts", "bread with butter", "a city by the river and some more"]
TOPICS = ["animal", "food", "place"]


def entailment_model(folder, labels=("contradiction", "neutral", "entailment")):
    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    config = tiny_config("bert", len(tokenizer), len(labels))
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    config.initializer_range = 0.5  # so that it says something
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny_sentence_encoder(tmp_path_factory.mktemp("models") / "encoder")


@pytest.fixture(scope="module")
def nli(tmp_path_factory):
    return entailment_model(tmp_path_factory.mktemp("models") / "nli")


def test_texts_are_pooled_as_if_each_were_alone(encoder):
    loaded = load_encoder(find_model(str(encoder)))
    found = embed(loaded, TEXTS)
    for text, vector in zip(TEXTS, found, strict=True):
        with torch.no_grad():
            states = loaded.model(**loaded.tokenizer(text, return_tensors="pt")).last_hidden_state
        mean = states[0].mean(0).numpy()
        assert vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [("mean", [2, 3]), ("cls", [1, 2]), ("max", [3, 4]), ("lasttoken", [3, 4])],
)
def test_padding_is_never_pooled(pooling, expected):
    states = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]])
    found = pool(states, torch.tensor([[1, 1, 0]]), pooling)
    assert found[0].numpy() == pytest.approx(np.array(expected) / np.linalg.norm(expected))


def test_likeness_gives_the_nearest_label(encoder):
    found = nbtune.zero_shot(TEXTS[:2], model=str(encoder), template="{}").predict(TEXTS[:2])
    assert list(found) == TEXTS[:2]  # nothing is nearer to a text than the same words


def test_entailment_says_what_the_pipeline_of_transformers_says(nli):
    oracle = transformers.pipeline("zero-shot-classification", str(nli), device="cpu")
    oracle.tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    said = oracle(TEXTS, candidate_labels=TOPICS)
    expected = [dict(zip(one["labels"], one["scores"], strict=True)) for one in said]
    found = nbtune.zero_shot(TOPICS, model=str(nli)).predict_proba(TEXTS)
    assert np.ptp(found) > 0.05
    assert found == pytest.approx(
        np.array([[one[label] for label in TOPICS] for one in expected]), abs=1e-5
    )


def test_many_texts_come_in_parts_and_are_counted(nli, monkeypatch):
    by_name = nbtune.zero_shot(TOPICS, model=str(nli))
    whole = by_name.predict_proba(TEXTS)
    monkeypatch.setattr(zero_shot, "PAIRS_AT_ONCE", 6)
    told = []
    parts = by_name.predict_proba(TEXTS, lambda done, total: told.append((done, total)))
    assert parts == pytest.approx(whole, abs=1e-6)
    assert told == [(2, 3), (3, 3)]


def test_a_run_that_learnt_entailment_from_pairs_serves(own_folder, nli):
    pairs = pd.DataFrame(
        {
            "premise": ["a cat", "a dog", "some bread", "a town"] * 10,
            "hypothesis": ["an animal", "food", "food", "food"] * 10,
            "label": ["entailment", "contradiction", "entailment", "contradiction"] * 10,
        }
    )
    run = nbtune.finetune(pairs, "nli", model=str(nli), max_steps=2, baseline=False)
    by_name = nbtune.zero_shot({"animal": "an animal", "food": "food"}, model="nli")
    assert by_name.sentences == {"animal": "an animal", "food": "food"}
    tokens = run.tokenizer(["a cat"] * 2, ["an animal", "food"], padding=True, return_tensors="pt")
    with torch.no_grad():
        said = run.model(**tokens).logits[:, list(run.classes_).index("entailment")].softmax(0)
    assert by_name.predict_proba(["a cat"])[0] == pytest.approx(said.numpy(), abs=1e-5)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("sport, politics", "'sport, politics' is not two or more labels"),
        (["sport"], "['sport'] is not two or more labels"),
        (["a", "a", ""], "'' is no name; 'a' is named twice"),
        ({"a": 3, "b": "words"}, "'a' is described by 3"),
    ],
)
def test_labels_that_nothing_can_be_chosen_from_are_refused(labels, said):
    with pytest.raises(DataError, match=re.escape(f"labels: {said}")):
        nbtune.zero_shot(labels, model="scratch-cnn")


def test_models_that_cannot_do_it_say_why(tmp_path, encoder, nli):
    topics = entailment_model(tmp_path / "topics", ("animal", "food"))
    odd = tiny_sentence_encoder(tmp_path / "odd", last="Dense")
    heavy = tiny_sentence_encoder(tmp_path / "heavy", "pooling_mode_weightedmean_tokens")
    for model, settings, said in (
        ("scratch-cnn", {}, "starts from nothing and knows no words"),
        (str(topics), {}, "is called entailment: animal, food"),
        (str(nli), {"entailment": "folows"}, "knows no label 'folows'"),
        (str(odd), {}, "ends in a Dense layer"),
        (str(heavy), {}, "pools its tokens in a way that is not known"),
    ):
        with pytest.raises(ModelError, match=re.escape(said)):
            nbtune.zero_shot(TOPICS, model=model, **settings).predict(TEXTS)
    with pytest.raises(DataError, match=r"no one place \{\}"):
        nbtune.zero_shot(TOPICS, model=str(encoder), template="about").predict(TEXTS)


def test_another_label_can_mean_entailment(tmp_path, nli):
    named = entailment_model(tmp_path / "named", ("no", "perhaps", "follows"))
    found = nbtune.zero_shot(TOPICS, model=str(named), entailment="follows").predict_proba(TEXTS)
    usual = nbtune.zero_shot(TOPICS, model=str(nli)).predict_proba(TEXTS)
    assert found == pytest.approx(usual, abs=1e-5)


def test_it_is_judged_as_any_classifier(encoder):
    rows = topic_rows(90).assign(source=["web", "mail", "call"] * 30)
    by_name = nbtune.zero_shot(TOPICS, model=str(encoder))
    judged = nbtune.evaluate(by_name, rows, by="source")
    right = by_name.predict(rows["text"]) == rows["label"].to_numpy()
    assert judged.metrics["accuracy"] == pytest.approx(right.mean())
    assert judged.record.table[-1].name == f"zero-shot ({encoder})"
    assert set(judged.by["value"]) == {"web", "mail", "call"}
    with pytest.raises(DataError, match="'rock'"):
        nbtune.evaluate(by_name, rows.replace("animal", "rock"))
    answers = nbtune.predict(by_name, rows, text="text")
    assert list(answers["label"]) == list(by_name.predict(rows["text"]))


def lines_of(run):
    return [event.name for _, event in run.events if isinstance(event, BaselineScored)]


def test_line_0_of_the_tables_is_what_label_names_say(own_folder, encoder):
    name = f"zero-shot ({encoder})"
    run = nbtune.finetune(topic_rows(60), "topics", model=str(encoder), max_steps=1)
    assert lines_of(run)[-1] == name
    judged = nbtune.evaluate(run)
    table = {one.name: one.scores["accuracy"].value for one in judged.record.table}
    rows = judged.frame
    by_name = nbtune.zero_shot(run.labels, model=str(encoder)).predict(rows["text"])
    assert table[name] == pytest.approx((by_name == rows["label"].to_numpy()).mean())
    assert nbtune.evaluate(run).record.table[-2] == judged.record.table[-2]  # kept with the run


def test_line_0_is_there_for_several_labels_and_for_pairs(own_folder, encoder):
    name, rows = f"zero-shot ({encoder})", topic_rows(60)
    settings = {"model": str(encoder), "max_steps": 1}
    several = rows.assign(label=[[one] for one in rows["label"]])
    run = nbtune.finetune(several, "several", **settings)
    assert lines_of(run)[-1] == name
    scores = {one.name: one.scores for one in nbtune.evaluate(run).record.table}[name]
    assert 0 <= scores["lrap"].value <= 1
    pairs = rows.assign(text_pair=list(rows["text"])[::-1])
    assert lines_of(nbtune.finetune(pairs, "pairs", text_pair="text_pair", **settings))[-1] == name


@pytest.mark.parametrize(
    ("rename", "settings"),
    [(dict(zip(TOPICS, "012", strict=True)), {}), ({}, {"zero_shot": False})],
)
def test_codes_have_no_such_line_nor_has_who_wants_none(own_folder, encoder, rename, settings):
    rows = topic_rows(60).replace(rename)
    run = nbtune.finetune(rows, "topics", model=str(encoder), max_steps=1, **settings)
    assert lines_of(run) == ["majority", "TF-IDF + logistic regression"]


def test_codes_that_are_described_have_one(own_folder, encoder):
    codes = dict(zip(TOPICS, "012", strict=True))
    described = {code: f"about {topic}" for topic, code in codes.items()}
    rows = topic_rows(60).replace({"label": codes})
    settings = {"model": str(encoder), "max_steps": 1}
    assert lines_of(nbtune.finetune(rows, "topics", zero_shot=described, **settings))[2:]
    with pytest.raises(DataError, match="zero_shot: no training row has the label '7'"):
        nbtune.finetune(rows, "other", zero_shot={7: "seven"}, **settings)


def test_what_takes_long_is_left_out_and_said(own_folder, encoder, monkeypatch):
    monkeypatch.setattr(line_zero, "SECONDS", 0)
    run = nbtune.finetune(topic_rows(60), "topics", model=str(encoder), max_steps=1)
    told = [event.text for _, event in run.events if isinstance(event, Notice)]
    assert any(text.startswith("zero-shot is no line of the tables: 6 rows") for text in told)
    assert "zero-shot is no line of the table" in nbtune.evaluate(run).record.left_out
