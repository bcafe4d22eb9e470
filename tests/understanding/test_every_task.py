"""What speaks for an answer, whatever it is: of images, pairs, gaps and texts that are written."""

import base64
import re

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

import nbtune
from nbtune.errors import DataError, ModelError, RunError
from nbtune.models.scratch import new_tokenizer
from nbtune.records import PATCH
from nbtune.testing import (
    image_rows,
    tiny_config,
    tiny_image_model_folder,
    tiny_sentence_encoder,
    topic_rows,
)

TEXTS = list(topic_rows(24)["text"])
IMAGES = image_rows(24)
QUIET = {"max_steps": 1, "baseline": False, "display": "none"}


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    def train(rows, **settings):
        root = tmp_path_factory.mktemp("runs")
        return nbtune.finetune(rows, "t", runs_dir=root, **QUIET | settings)

    return train


def folder_of(place, auto, kind, reads="text"):
    """A tiny model of this kind whose words make a difference."""
    tokenizer = new_tokenizer(list(topic_rows(200)["text"]), reads)
    torch.manual_seed(0)
    model = getattr(transformers, auto).from_config(tiny_config(kind, len(tokenizer)))
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(20)
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)
    return str(place)


def holds(one, missing=0.02):
    """Whether what all pieces do comes to the difference that they make."""
    size = sum(abs(word.value) for word in one.words)
    assert size > 0
    assert one.sum == pytest.approx(one.difference, abs=missing * size)
    return True


def drawings_in(page):
    """Return the drawings of a page, which are images so that viewers keep them."""
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    return [base64.b64decode(drawing).decode() for drawing in found]


@pytest.mark.parametrize("kind", ["scratch-cnn", "vit", "convnext"])
def test_patches_of_an_image_come_to_the_difference_that_they_make(train, tmp_path, kind):
    model = kind if kind.startswith("scratch") else str(tiny_image_model_folder(tmp_path, kind))
    run = train(IMAGES[["image", "label"]], task="image-classification", model=model)
    image = IMAGES["image"][0]
    found = nbtune.explain(run, image, display="none")
    (one,) = found
    assert holds(one)
    assert one.label == run.predict([image])[0]
    assert one.probability == pytest.approx(run.predict_proba([image]).max(), abs=1e-4)
    assert len(one.words) == one.grid[0] * one.grid[1]
    assert {word.part for word in one.words} == {PATCH}
    assert one.deletion.ranked[0] == pytest.approx(one.probability, abs=1e-4)
    assert one == type(one).from_json(one.to_json())
    assert found.frame["word"][0] == "row 1, column 1"
    page = found._repr_mimebundle_()
    drawing, *_ = drawings_in(page["text/html"])
    assert drawing.count("<rect") > 3
    assert 'href="data:image/' in drawing
    assert "row 1, column" in page["text/markdown"] + page["text/plain"] or len(one.words) > 8
    if kind == "vit":
        assert one.grid == (4, 4), "its own patches"
        (rolled,) = nbtune.explain(run, image, method="attention-rollout", display="none")
        assert 0 < rolled.sum <= 1 + 1e-5
        look = nbtune.attention(run, image)
        assert look.record.grid == (4, 4)
        assert look.tokens[0] == look.tokens[look.record.token] == "[CLS]"
        assert sum(look.record.looked_at) <= 1 + 1e-5
        drawn = drawings_in(look._repr_mimebundle_()["text/html"])
        assert '<image href="data:image/' in drawn[0]
    else:
        with pytest.raises(ModelError, match="has no attention"):
            nbtune.attention(run, image)


def test_an_image_and_its_text_are_explained_together(train, tmp_path):
    model = str(tiny_image_model_folder(tmp_path, "clip"))
    run = train(IMAGES, task="image-classification", model=model, text="caption")
    (one,) = nbtune.explain(run, (IMAGES["image"][0], "sweet baked cake"), display="none")
    assert holds(one)
    assert [one.text_of(word) for word in one.words if word.part == 0] == ["sweet", "baked", "cake"]
    assert sum(word.part == PATCH for word in one.words) == 16
    with pytest.raises(ModelError, match="an image and its text are read by two models"):
        nbtune.attention(run, (IMAGES["image"][0], "sweet"))
    with pytest.raises(ModelError, match="attention cannot be followed from end to end"):
        nbtune.explain(run, (IMAGES["image"][0], "sweet"), method="attention-rollout")


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_texts_that_are_read_each_by_itself_are_explained_together(train, tmp_path, kind):
    pairs = pd.DataFrame({"text": TEXTS, "text_pair": TEXTS[::-1]})
    labels = ["alike" if place % 2 else "other" for place in range(len(TEXTS))]
    numbers = [place % 5 + 0.5 for place in range(len(TEXTS))]
    more = {"problem_type": "regression"} if kind == "numbers" else {}
    run = train(
        pairs.assign(label=numbers if kind == "numbers" else labels),
        model=str(tiny_sentence_encoder(tmp_path / "encoder")),
        pair_encoding="bi-encoder", **more,
    )  # fmt: skip
    (one,) = nbtune.explain(run, [("small furry mammal", "large city")], display="none")
    assert holds(one)
    assert [(word.part, one.text_of(word)) for word in one.words] == [
        (0, "small"), (0, "furry"), (0, "mammal"), (1, "large"), (1, "city"),
    ]  # fmt: skip
    cosine = float(np.prod(run.embed(["small furry mammal", "large city"]), axis=0).sum())
    assert abs(one.said) == pytest.approx(abs(cosine), abs=1e-4)
    if kind == "labels":
        assert one.label == run.predict([("small furry mammal", "large city")])[0]
        (other,) = nbtune.explain(
            run, [("small furry mammal", "large city")], display="none",
            label=next(label for label in run.labels if label != one.label),
        )  # fmt: skip
        assert other.sum == pytest.approx(-one.sum, abs=1e-5)
        assert other.probability == pytest.approx(1 - one.probability, abs=1e-5)
    look = nbtune.attention(run, "small furry mammal")
    assert look.tokens[1] == "small"
    with pytest.raises(DataError, match="reads each text of a pair by itself"):
        nbtune.attention(run, ("small furry", "large city"))


def test_words_that_fill_a_gap_are_explained(train, tmp_path):
    model = folder_of(tmp_path, "AutoModelForMaskedLM", "bert", "gaps")
    run = train(pd.DataFrame({"text": TEXTS}), task="fill-mask", model=model)
    text = "a small [MASK] mammal with [MASK] teeth"
    first, second = nbtune.explain(run, text, display="none")
    best = nbtune.predict(run, text).query("rank == 1")
    assert [first.label, second.label] == list(best["word"])
    assert [first.probability, second.probability] == pytest.approx(list(best["probability"]))
    assert holds(first)
    assert [first.text_of(word) for word in first.words] == [
        "a",
        "small",
        "mammal",
        "with",
        "teeth",
    ]
    (one, _) = nbtune.explain(run, text, label="river", display="none")
    assert one.label == "river"
    with pytest.raises(RunError, match="label: 'xyzzyx' is no single token"):
        nbtune.explain(run, text, label="xyzzyx")
    with pytest.raises(DataError, match="text 0 has no gap to fill in"):
        nbtune.explain(run, "a small mammal")


def test_how_a_text_goes_on_is_explained_word_by_word(train, tmp_path):
    model = folder_of(tmp_path, "AutoModelForCausalLM", "gpt2")
    run = train(pd.DataFrame({"text": TEXTS}), task="text-generation", model=model)
    found = nbtune.explain(run, "a small", label="furry mammal", display="none")
    assert [one.label for one in found] == ["furry", "mammal"]
    assert [one.texts for one in found] == [("a small",), ("a small furry",)]
    assert all(map(holds, found))
    assert [found[1].text_of(word) for word in found[1].words] == ["a", "small", "furry"]
    own = nbtune.explain(run, "a small", display="none")
    assert 0 < len(own) <= 8
    (rolled, *_) = nbtune.explain(run, "a small", method="attention-rollout", display="none")
    assert 0 < rolled.sum <= 1 + 1e-5


@pytest.mark.parametrize("task", ["text-generation", "preference-tuning"])
def test_answers_in_chats_are_explained_word_by_word(train, task):
    rows = pd.DataFrame(
        {"prompt": TEXTS, "completion": "a mammal", "chosen": "a cat", "rejected": "no"}
    )
    columns = (
        ["prompt", "completion"] if task == "text-generation" else ["prompt", "chosen", "rejected"]
    )
    run = train(rows[columns], task=task, model="scratch-decoder", size="tiny")
    found = nbtune.explain(run, "what is furry?", label="a cat", display="none")
    assert [one.label for one in found] == ["a", "cat"]
    assert all(map(holds, found))
    assert "furry" in [found[0].text_of(word) for word in found[0].words]
    assert nbtune.attention(run, "what is furry?").tokens


@pytest.mark.parametrize("kind", ["t5", "bart", "scratch-encoder-decoder"])
def test_written_words_are_explained_by_those_of_their_source(train, tmp_path, kind):
    model = kind
    if kind != "scratch-encoder-decoder":
        model = folder_of(tmp_path, "AutoModelForSeq2SeqLM", kind)
    rows = pd.DataFrame({"source": TEXTS, "target": [" ".join(t.split()[:2]) for t in TEXTS]})
    run = train(rows, task="text2text-generation", model=model, max_new_tokens=12)
    found = nbtune.explain(run, "small furry mammal", label="furry cat", display="none")
    assert [one.label for one in found] == ["furry", "cat"]
    assert [one.texts[-1] for one in found] == ["small furry mammal", "furry"]
    for one in found:
        assert holds(one)
        assert [one.text_of(word) for word in one.words] == ["small", "furry", "mammal"]
    with pytest.raises(ModelError, match="once more in a decoder"):
        nbtune.explain(run, "small furry", method="attention-rollout")
    look = nbtune.attention(run, "small furry mammal")
    assert look.weights().sum(axis=1).to_list() == pytest.approx([1] * len(look.tokens))


def test_the_words_of_a_source_do_what_captum_says(train, tmp_path):
    captum = pytest.importorskip("captum.attr")
    model = folder_of(tmp_path, "AutoModelForSeq2SeqLM", "t5")
    rows = pd.DataFrame({"source": TEXTS, "target": TEXTS})
    run = train(rows, task="text2text-generation", model=model, learning_rate=1e-9)
    (one,) = nbtune.explain(
        run, "small furry mammal", label="furry", method="gradient-x-input", display="none"
    )
    own, tokenizer = run.trained.model.cpu().eval(), run.tokenizer
    ids = tokenizer("small furry mammal", return_tensors="pt")["input_ids"]
    said = tokenizer("furry", add_special_tokens=False)["input_ids"]
    start = torch.tensor([[own.config.decoder_start_token_id, *said[:-1]]])

    def score(states):
        logits = own(inputs_embeds=states, decoder_input_ids=start).logits[0, : len(said)]
        picked = logits[range(len(said)), said]
        return (picked - (logits.sum(-1) - picked) / (logits.shape[-1] - 1)).sum()[None]

    states = own.get_input_embeddings()(ids).detach().requires_grad_()
    expected = captum.InputXGradient(score).attribute(states).sum(-1)[0]
    assert one.sum == pytest.approx(expected.sum().item(), rel=1e-3, abs=1e-5)
