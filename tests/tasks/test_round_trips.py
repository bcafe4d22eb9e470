"""Spans of characters become targets of tokens, and come back, whatever the tokenizer does."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import tokenizers
import transformers
from hypothesis import assume, given
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from nbtune.data.ragged import IGNORED, Ragged
from nbtune.data.spans import word_places
from nbtune.data.tagged import TAGGED
from nbtune.recipe import Recipe
from nbtune.tasks import Known, find_task
from nbtune.tasks.token_classification import tokens_of_words

TASK = find_task("token-classification")
ACCENT = "\N{COMBINING ACUTE ACCENT}"
LETTERS = f"abcdefghABC\N{LATIN SMALL LETTER E WITH ACUTE}e{ACCENT}\N{GREEK SMALL LETTER PI}"
OTHERS = "09,.-'()\N{CJK UNIFIED IDEOGRAPH-4E2D}\N{CJK UNIFIED IDEOGRAPH-6587}\N{GRINNING FACE}"
SPACES = "  \N{NO-BREAK SPACE}\t\n"
UNKNOWN = "<unk>"
KINDS = ("word pieces", "bytes", "bytes, spaces kept", "unigrams")


@cache
def tokenizer(kind):
    """Train a tokenizer as BERT, RoBERTa, GPT-2 and XLM-RoBERTa have them."""
    names = {"unk_token": UNKNOWN, "pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>"}
    special = list(names.values())
    letters = [one for one in LETTERS + OTHERS if one != ACCENT]
    if kind == "word pieces":
        inner = tokenizers.Tokenizer(models.WordPiece(unk_token=UNKNOWN))
        inner.normalizer = normalizers.BertNormalizer(lowercase=True)
        inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(
            vocab_size=150, special_tokens=special, initial_alphabet=letters, show_progress=False
        )
    elif kind == "unigrams":
        inner = tokenizers.Tokenizer(models.Unigram())
        inner.normalizer = normalizers.NFKC()
        inner.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=150, special_tokens=special, unk_token=UNKNOWN, initial_alphabet=letters,
            show_progress=False,
        )  # fmt: skip
    else:
        inner = tokenizers.Tokenizer(models.BPE())
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(
            vocab_size=320, special_tokens=special, show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )  # fmt: skip
    inner.train_from_iterator(
        ["a cab, a bad face", "dead beef (Abc) 09", "fab-gab 中文"] * 9, trainer
    )
    ends = [("<s>", inner.token_to_id("<s>")), ("</s>", inner.token_to_id("</s>"))]
    inner.post_processor = {
        "bytes": processors.RobertaProcessing(ends[1], ends[0], add_prefix_space=False),
        "bytes, spaces kept": processors.ByteLevel(trim_offsets=False),
    }.get(kind, processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, **names)


@st.composite
def marked_texts(draw):
    """Draw a text and spans of some of its neighbouring words."""
    text = draw(st.text(LETTERS * 3 + OTHERS + SPACES * 2, min_size=1, max_size=30))
    places = word_places(text)
    assume(places)
    spans, at = [], 0
    while at < len(places):
        stop = draw(st.integers(at, min(len(places), at + 3)))
        if stop > at and draw(st.booleans()):
            kind = draw(st.sampled_from(["PER", "LOC"]))
            spans.append((places[at][0], places[stop - 1][1], kind))
        at = stop + (stop == at)
    assume(spans)
    return text, spans


@pytest.mark.parametrize("kind", KINDS)
@given(text_and_spans=marked_texts())
def test_spans_of_characters_survive_their_way_through_tokens(kind, text_and_spans):
    text, spans = text_and_spans
    frame = pd.DataFrame({"text": [text], "spans": [spans]})
    rows, _ = TAGGED.usable(frame, {"text": "text", "spans": "spans"}, Recipe(clean=()), "data")
    known = Known(TAGGED.labels(rows))
    examples = TASK.encode(rows, tokenizer(kind), 256, known)
    tokens = tokens_of_words(examples.spans.row(0), word_places(text))
    # Some tokens hold a word and the sign behind it; an accent with no letter may have none.
    assume(len(set(tokens)) == len(tokens) and -1 not in tokens)
    wanted = examples.targets.row(0)
    logits = np.full((len(wanted), len(known.labels)), -9.0)
    # Of tokens that nothing is learnt of the model may say anything.
    logits[np.arange(len(wanted)), np.where(wanted == IGNORED, 1, wanted)] = 9.0
    said = TASK.read(Ragged.of([logits], np.float64), rows, examples, known)
    found = TASK.answers(rows, said, known)
    assert list(zip(found["start"], found["end"], found["type"], strict=True)) == spans
