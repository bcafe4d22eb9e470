"""Models of many languages: mBART, mBART-50, NLLB."""

import pandas as pd
import pytest
import torch
import transformers

import nbtune
from nbtune.errors import RecipeError
from nbtune.models.decoders import decoder_inputs
from nbtune.models.languages import codes_of, set_languages
from nbtune.models.scratch import new_tokenizer

WORDS = {"red": "rouge", "green": "vert", "cat": "chat", "dog": "chien"}
LETTERS = [f"\u2581{c}" for c in "abcdefghijklmnopqrstuvwxyz"] + list("abcdefghijklmnopqrstuvwxyz")
CODES = {
    "nllb": ("eng_Latn", "fra_Latn"),
    "mbart50": ("en_XX", "fr_XX"),
    "mbart": ("en_XX", "fr_XX"),
}


def tokenizer_of(kind):
    if kind == "nllb":
        names = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", *LETTERS]
        vocab = {name: place for place, name in enumerate(names)}
        return transformers.NllbTokenizer(vocab=vocab, merges=[])
    names = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", *LETTERS]
    made = {"mbart50": transformers.MBart50Tokenizer, "mbart": transformers.MBartTokenizer}[kind]
    codes = [] if kind == "mbart" else list(CODES[kind])
    return made(vocab=[(name, -float(place)) for place, name in enumerate([*names, *codes])])


@pytest.fixture(scope="module", params=sorted(CODES))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, tmp_path_factory):
    place, tokenizer = tmp_path_factory.mktemp(kind), tokenizer_of(kind)
    model = transformers.M2M100Config if kind == "nllb" else transformers.MBartConfig
    config = model(
        vocab_size=len(tokenizer), d_model=32, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64,
        decoder_ffn_dim=64, max_position_embeddings=64, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.AutoModelForSeq2SeqLM.from_config(config).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def run(kind, folder, tmp_path_factory):
    frame = pd.DataFrame({"source": [*WORDS] * 12, "target": [*WORDS.values()] * 12})
    source, target = CODES[kind]
    return nbtune.finetune(
        frame, "fr", runs_dir=tmp_path_factory.mktemp("runs"), display="none", baseline=False,
        task="translation", model=str(folder), source_lang=source, target_lang=target,
        num_train_epochs=1, max_target_length=12, num_beams=1, max_new_tokens=6,
    )  # fmt: skip


def test_it_trains_and_writes_in_the_language_that_it_is_told(kind, run):
    again = nbtune.Run(run.folder)
    tokenizer, model = again.tokenizer, again.model
    assert (tokenizer.src_lang, tokenizer.tgt_lang) == CODES[kind]
    ids = tokenizer("red", return_tensors="pt")
    written = model.generate(**ids)[0].tolist()
    assert tokenizer.convert_tokens_to_ids(CODES[kind][1]) in written[:2]
    assert again.predict(["red"]) == run.predict(["red"])


def test_what_the_decoder_is_given_is_what_the_model_would_give_it(kind, run):
    model, tokenizer = run.model.eval(), run.tokenizer
    labels = torch.tensor([tokenizer(text_target="rouge")["input_ids"]])
    source = torch.tensor([tokenizer("red")["input_ids"]])
    with torch.no_grad():
        own = model(input_ids=source, labels=labels).logits
        found = model(input_ids=source, **decoder_inputs(model, labels)).logits
    torch.testing.assert_close(found, own)


def test_all_that_is_wrong_with_languages_is_said(kind):
    tokenizer, (source, target) = tokenizer_of(kind), CODES[kind]
    codes = codes_of(tokenizer)
    assert {source, target} <= set(codes)
    assert all("_" in code for code in codes), "ends, masks and the like are no languages"
    with pytest.raises(RecipeError, match=r"source_lang is missing.*target_lang: 'fr'"):
        set_languages(tokenizer, None, "fr")
    with pytest.raises(RecipeError, match="knows no languages"):
        set_languages(new_tokenizer(["a text"], "rewriting"), source, target)
