"""What words do, against what is known by theory and by Captum."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
import transformers

from nbtune.engine.device import find_device
from nbtune.errors import ModelError, RunError
from nbtune.models.loading import load_model
from nbtune.models.sources import ModelSource
from nbtune.recipe import Recipe
from nbtune.tasks import Known, find_task
from nbtune.tasks.aims import above_the_rest
from nbtune.testing import tiny_config, tiny_model, topic_rows
from nbtune.understanding.explaining import METHODS, refuse_unfit

KINDS = ("bert", "roberta", "distilbert", "electra", "deberta-v2", "modernbert", "gpt2", "llama")


def ours(architecture, tokenizer, labels=("animal", "food", "place")):
    source = ModelSource(f"scratch-{architecture}", "scratch", size="tiny")
    return load_model(source, tokenizer, labels).model.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_words_come_to_the_difference_that_they_make(explained, kind):
    for one in explained(kind):
        size = sum(abs(word.value) for word in one.words)
        assert one.sum == pytest.approx(one.difference, abs=0.01 * size)
        assert one.rest == pytest.approx(0, abs=1e-6), "tokens of no word stay as they are"
        assert "".join(map(one.text_of, one.words)) == one.texts[0].replace(" ", "")
        assert one.deletion.ranked[0] == pytest.approx(one.probability, abs=1e-5)


@pytest.mark.parametrize("architecture", ["lstm", "gru", "cnn", "bag", "decoder"])
def test_models_from_nothing_are_explained(explained, tokenizer, architecture):
    one = explained(model=ours(architecture, tokenizer))[0]
    size = sum(abs(word.value) for word in one.words)
    assert one.sum == pytest.approx(one.difference, abs=0.02 * size)


def test_the_words_of_a_bag_do_what_can_be_read_off_its_weights(explained, tokenizer):
    model = ours("bag", tokenizer)
    rows = pd.DataFrame({"text": ["small furry"]})
    (one,) = explained(model=model, rows=rows, label="food", with_deletion=False)
    ids = tokenizer("small furry")["input_ids"]
    table, heads = model.encoder.embeddings.weight, model.classifier.weight
    toward = heads[1] - (heads[0] + heads[2]) / 2
    by_token = (table[ids] - table[tokenizer.pad_token_id]) @ toward / len(ids)
    by_token[[0, -1]] = 0
    assert sum(word.value for word in one.words) == pytest.approx(by_token.sum().item(), abs=1e-5)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_both_gradients_are_those_of_captum(explained, tokenizer, kind):
    captum = pytest.importorskip("captum.attr")
    model = tiny_model(kind).eval().to(find_device())
    model.config.pad_token_id = tokenizer.pad_token_id
    rows = topic_rows(1)
    ids = torch.tensor([tokenizer(rows["text"][0])["input_ids"]], device=find_device())
    blank = torch.full_like(ids, tokenizer.pad_token_id)
    is_special = torch.tensor(
        tokenizer.get_special_tokens_mask(ids[0].tolist(), already_has_special_tokens=True)
    ).bool()
    blank[0, is_special] = ids[0, is_special]
    table = model.get_input_embeddings()

    def score(states):
        end = {"attention_mask": torch.ones(states.shape[:2], device=states.device)}
        if kind == "gpt2":  # the end of a row is found by its ids, which are none here
            last = model.transformer(inputs_embeds=states, **end).last_hidden_state[:, -1]
            return above_the_rest(model.score(last), 1)
        return above_the_rest(model(inputs_embeds=states, **end).logits, 1)

    states, blanks = table(ids), table(blank)
    oracle = captum.IntegratedGradients(score).attribute(
        states, blanks, n_steps=64, method="gausslegendre"
    )
    (one,) = explained(kind, rows=rows, model=model, label="food", with_deletion=False)
    assert one.sum == pytest.approx(oracle.sum().item(), rel=1e-2, abs=1e-5)
    oracle = captum.InputXGradient(score).attribute(states.detach().requires_grad_())
    (one,) = explained(
        kind, rows=rows, model=model, label="food", with_deletion=False, method="gradient-x-input"
    )
    assert one.sum == pytest.approx(oracle.sum().item(), rel=1e-4, abs=1e-6)


def test_each_word_has_the_sum_of_its_tokens(explained, tokenizer):
    captum = pytest.importorskip("captum.attr")
    model = tiny_model("bert").eval().to(find_device())
    rows = pd.DataFrame({"text": ["unfurriness, mammal!"]})
    tokens = tokenizer(rows["text"][0], return_offsets_mapping=True)
    states = model.get_input_embeddings()(torch.tensor([tokens["input_ids"]], device=find_device()))

    def score(own):
        return above_the_rest(model(inputs_embeds=own).logits, 0)

    by_token = captum.InputXGradient(score).attribute(states.detach().requires_grad_()).sum(-1)[0]
    (one,) = explained(
        rows=rows, model=model, label="animal", with_deletion=False, method="gradient-x-input"
    )
    assert [one.text_of(word) for word in one.words] == ["unfurriness", ",", "mammal", "!"]
    assert len(tokens["input_ids"]) > 6, "words of several tokens"
    for word in one.words:
        own = [i for i, (a, b) in enumerate(tokens["offset_mapping"])
               if b > word.start and b <= word.end]  # fmt: skip
        assert word.value == pytest.approx(by_token[own].sum().item(), abs=1e-6)


def test_rollout_follows_the_weights_to_the_token_that_the_head_reads(explained, tokenizer):
    model = tiny_model("bert").eval()
    model.set_attn_implementation("eager")
    rows = topic_rows(1)
    (one,) = explained(rows=rows, model=model, method="attention-rollout", with_deletion=False)
    inputs = tokenizer(rows["text"][0], return_tensors="pt")
    with torch.no_grad():
        told = model(**inputs, output_attentions=True).attentions
    mix = torch.eye(inputs["input_ids"].shape[1])
    for weights in told:
        mix = (weights[0].mean(0) + torch.eye(len(mix))) / 2 @ mix
    special = [at for at, word in enumerate(tokenizer.convert_ids_to_tokens(inputs["input_ids"][0]))
               if word in ("[CLS]", "[SEP]")]  # fmt: skip
    assert one.rest == pytest.approx(float(mix[0, special].sum()), abs=1e-5)
    assert one.sum == pytest.approx(1, abs=1e-5)
    assert model.config._attn_implementation == "eager", "left as it was"


def test_words_that_matter_go_first_when_words_are_blanked_out(explained, tokenizer):
    model = ours("bag", tokenizer)
    table, heads = model.encoder.embeddings, model.classifier
    with torch.no_grad():
        table.weight.zero_()
        heads.weight.zero_()
        heads.bias.zero_()
        heads.weight[0, 0] = 30.0
        for token in tokenizer(" furry", add_special_tokens=False)["input_ids"]:
            table.weight[token, 0] = 1.0
    rows = pd.DataFrame({"text": ["a small furry mammal in the river"]})
    (one,) = explained(model=model, rows=rows)
    best = max(one.words, key=lambda word: word.value)
    assert (one.label, one.text_of(best)) == ("animal", "furry")
    assert one.deletion.halved(one.deletion.ranked) == 1
    assert one.deletion.ranked[1] == pytest.approx(1 / 3, abs=1e-3)
    assert one.deletion.area > 0.1


def test_spans_are_explained_one_by_one(tokenizer):
    from nbtune.understanding.explaining import explain_rows

    labels = ("O", "B-x", "I-x")
    torch.manual_seed(0)
    config = tiny_config("bert", len(tokenizer), 3)
    model = transformers.AutoModelForTokenClassification.from_config(config).eval()
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(20)
        model.classifier.weight.mul_(20)
        model.classifier.bias[:] = torch.tensor([-2.0, 2.0, 0.0])
    recipe = Recipe(model="t", task="token-classification", word_splitting="punctuation")
    rows = find_task("token-classification").rows.given(["furry mammal, river"], recipe)
    known = Known(labels=labels, tokenizer=tokenizer)
    found = explain_rows("t", model, tokenizer, 64, known, recipe, rows)
    assert found
    for one in found:
        size = sum(abs(word.value) for word in one.words)
        assert one.sum == pytest.approx(one.difference, abs=0.02 * size)
        assert one.label == "x"
        assert one.texts[0][slice(*one.span)].strip() == one.texts[0][slice(*one.span)] != ""
    with pytest.raises(RunError, match=r"no 'y'\n  known: x"):
        explain_rows("t", model, tokenizer, 64, known, recipe, rows, label="y")


def test_answers_are_explained_from_question_and_context(tokenizer):
    from nbtune.understanding.explaining import explain_rows

    torch.manual_seed(0)
    config = tiny_config("bert", len(tokenizer), 2)
    model = transformers.AutoModelForQuestionAnswering.from_config(config).eval()
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(20)
    recipe = Recipe(model="t", task="question-answering", doc_stride=4)
    task = find_task("question-answering")
    context = "a small furry mammal living in northern forests near the river of a large city"
    rows = task.rows.given([("what is furry?", context)], recipe)
    known = Known(tokenizer=tokenizer)
    (one,) = explain_rows("t", model, tokenizer, 24, known, recipe, rows)
    assert one.texts == ("what is furry?", context)
    assert one.label == context[slice(*one.span)]
    assert [one.text_of(word) for word in one.words if word.part == 0] == [
        "what",
        "is",
        "furry",
        "?",
    ]
    size = sum(abs(word.value) for word in one.words)
    assert one.sum == pytest.approx(one.difference, abs=0.02 * size)
    (other,) = explain_rows("t", model, tokenizer, 24, known, recipe, rows, label="northern")
    assert context[slice(*other.span)] == "northern"
    with pytest.raises(RunError, match="'southern' does not stand in the context"):
        explain_rows("t", model, tokenizer, 24, known, recipe, rows, label="southern")


def test_pairs_have_words_of_both_texts(explained, tokenizer):
    rows = pd.DataFrame({"text": ["small furry"], "text_pair": ["large city"]})
    (one,) = explained(rows=rows, with_deletion=False)
    assert [(word.part, one.text_of(word)) for word in one.words] == [
        (0, "small"), (0, "furry"), (1, "large"), (1, "city"),
    ]  # fmt: skip


def test_what_cannot_be_explained_is_refused_and_says_what_can(explained, tokenizer):
    with pytest.raises(RunError, match=r"no 'anmal'\n  did you mean 'animal'"):
        explained(label="anmal")
    with pytest.raises(ModelError, match="t has no attention: it is a model of the kind lstm"):
        explained(model=ours("lstm", tokenizer), method="attention-rollout")
    with pytest.raises(ModelError, match="in an encoder and once more in a decoder"):
        explained(model=ours("encoder-decoder", tokenizer))
    silent = replace(find_task("text-classification"), aims=None)
    with pytest.raises(RunError, match="t has learnt one label per text, which is not explained"):
        refuse_unfit("t", silent, tiny_model("bert"), "integrated-gradients")


def test_nothing_of_the_model_is_changed(explained):
    model = tiny_model("bert").train()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    for method in METHODS:
        explained(model=model, method=method)
    assert model.training
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert not any(part._forward_hooks for part in model.modules())
