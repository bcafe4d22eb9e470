"""The three steps, with the numbers of the model's own attention."""

import math

import numpy as np
import pytest
import torch

from nbtune.errors import DataError, RunError
from nbtune.testing import tiny_model
from nbtune.understanding.showing import MOST_TOKENS, attend

TEXT = "small furry mammal with sharp teeth"
KINDS = ("bert", "distilbert", "roberta", "modernbert", "gpt2", "llama", "mistral", "gemma2")


def shown(kind, tokenizer, text=TEXT, *wanted):
    return attend("t", tiny_model(kind).eval(), tokenizer, 512, (text,), *wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_the_steps_lead_from_queries_to_what_is_taken(kind, tokenizer):
    one = shown(kind, tokenizer)
    steps = one.steps
    scores, weights = np.array(steps.scores), np.array(steps.weights)
    seen = np.isfinite(scores)
    if kind != "gemma2":  # which caps its scores
        assert scores[seen] == pytest.approx(np.array(steps.products)[seen] * steps.scale, abs=1e-4)
    exp = np.exp(scores - scores[seen].max())
    assert weights == pytest.approx(exp / exp.sum(), abs=1e-5)
    assert weights == pytest.approx(np.array(one.shown[one.token]), abs=1e-6)
    assert weights @ np.array(steps.values) == pytest.approx(np.array(steps.result), abs=1e-5)
    assert sum(weights) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama", "deberta-v2"])
def test_the_map_is_what_the_model_tells_itself(kind, tokenizer):
    one = shown(kind, tokenizer)
    model = tiny_model(kind).eval()
    model.set_attn_implementation("eager")
    with torch.no_grad():
        told = model(**{
            name: torch.tensor([own]) for name, own in tokenizer(TEXT).items()
            if name in ("input_ids", "attention_mask")
        }, output_attentions=True).attentions  # fmt: skip
    assert np.array(one.weights) == pytest.approx(torch.stack(told)[:, 0].numpy(), abs=1e-5)
    assert (one.steps is None) == (kind == "deberta-v2")


def test_decoders_look_back_only(tokenizer):
    one = shown("gpt2", tokenizer, TEXT, 1, 1, "furry")
    hidden = [math.isinf(score) for score in one.steps.scores]
    assert hidden == [at > one.token for at in range(len(one.tokens))]


def test_layer_head_and_token_are_counted_from_one_and_named(tokenizer):
    one = shown("bert", tokenizer, TEXT, 2, 3, "MAMMAL")
    assert (one.layer, one.head, one.tokens[one.token]) == (1, 2, "mammal")
    for wanted, said in [
        ((3,), "no layer 3\n  layers are counted from 1 to 2"),
        ((3, 0), "no layer 3; head: there is no head 0\n  .*; heads are counted from 1 to 4"),
        ((1, 1, "bird"), r"'bird' is none of this text\n  its tokens are .*mammal"),
    ]:
        with pytest.raises(RunError, match=said):
            shown("bert", tokenizer, TEXT, *wanted)


def test_of_long_texts_the_tokens_are_shown_that_are_looked_at_most(tokenizer):
    one = shown("bert", tokenizer, " ".join([TEXT] * 12))
    assert len(one.tokens) == len(one.shown) == len(one.steps.values) == MOST_TOKENS
    assert one.left_out > 20
    assert not one.cut
    assert shown("bert", tokenizer, " ".join([TEXT] * 200)).cut


def test_what_goes_on_with_a_word_is_seen_to(tokenizer):
    one = shown("bert", tokenizer, "unfurriness mammal")
    first, *rest = (piece for piece in one.tokens[1:-2] if piece.isprintable() and piece not in "␣")
    assert not first.startswith("·")
    assert rest
    assert all(piece.startswith("·") for piece in rest)
    assert first + "".join(piece[1:] for piece in rest) == "unfurriness"


def test_what_holds_no_words_is_refused(tokenizer):
    with pytest.raises(DataError, match="has no tokens that could look at each other"):
        shown("bert", tokenizer, "")
