"""Small models that start from nothing, and a tokenizer trained on the same texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import tokenizers
import transformers

from nbtune.models.architectures import ClassicConfig
from nbtune.models.sources import SCRATCH

VOCABULARY = 8_000
HEAD_WIDTH, POSITIONS = 32, 512
SIZES = {"tiny": (1, 64), "small": (2, 128), "base": (4, 256)}
"""Layers and width, by name."""
_SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
_GAPS = {**_SPECIAL, "mask_token": "[MASK]"}
_WRITING = {"pad_token": "<|pad|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}

_REWRITING = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}

Reads = Literal["text", "gaps", "writing", "rewriting"]


def new_tokenizer(texts: Iterable[str], reads: Reads = "text") -> Any:
    """Train a byte-pair tokenizer (Sennrich et al. 2016) on the texts.

    Pairs are merged over bytes, as in GPT-2: no text has an unknown character, and, unlike
    WordPiece here, the same texts always give the same tokens.

    Parameters
    ----------
    reads : {"text", "gaps", "writing", "rewriting"}
        What the model reads: texts, in small letters; the same with a mask for gaps; or, letter by
        letter as it is and with a token for the end, what it goes on with or makes a text of.
    """
    if reads == "writing":
        return _writing_tokenizer(texts)
    if reads == "rewriting":
        return _rewriting_tokenizer(texts)
    names = _GAPS if reads == "gaps" else _SPECIAL
    inner = _trained(texts, list(names.values()), tokenizers.normalizers.Lowercase(), True)
    ends = [(token, inner.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    inner.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    return _wrapped(inner, names)


def _writing_tokenizer(texts: Iterable[str]) -> Any:
    inner = _trained(texts, list(dict.fromkeys(_WRITING.values())), None, False)
    inner.post_processor = tokenizers.processors.ByteLevel(trim_offsets=False)
    return _wrapped(inner, _WRITING)


def _rewriting_tokenizer(texts: Iterable[str]) -> Any:
    inner = _trained(texts, list(_REWRITING.values()), None, True)
    end = _REWRITING["eos_token"]
    inner.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"$A {end}",
        pair=f"$A {end} $B {end}",
        special_tokens=[(end, inner.token_to_id(end))],
    )
    return _wrapped(inner, _REWRITING)


def _trained(texts: Iterable[str], special: list[str], normalizer: Any, starts_spaced: bool) -> Any:
    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    if normalizer is not None:
        inner.normalizer = normalizer
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=starts_spaced)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    inner.decoder = tokenizers.decoders.ByteLevel()
    return inner


def _wrapped(inner: Any, names: dict[str, str]) -> Any:
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, model_max_length=POSITIONS, padding_side="right", **names
    )


def new_config(
    tokenizer: Any, names: dict[str, Any], model: str = SCRATCH, size: str = "small"
) -> Any:
    """Describe a model that starts from nothing.

    Parameters
    ----------
    names : dict
        What the configuration says about the head: ``num_labels``, ``id2label``, ``label2id``.
    model : str
        ``scratch-transformer`` (a BERT-like encoder), ``scratch-decoder`` (like GPT-2),
        ``scratch-encoder-decoder`` (like BART), ``scratch-lstm``, ``scratch-gru``, ``scratch-cnn``
        or ``scratch-bag``.
    size : str
        One of `SIZES`, from which layers, width and heads follow.
    """
    layers, width = SIZES[size]
    heads = width // HEAD_WIDTH
    common = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, **names}
    if model == SCRATCH:
        return transformers.BertConfig(
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            max_position_embeddings=POSITIONS,
            **common,
        )
    first, last = tokenizer.bos_token_id, tokenizer.eos_token_id
    if first is None:  # what reads texts has other names for their ends
        first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    ends = {"bos_token_id": first, "eos_token_id": last}
    if model == "scratch-decoder":
        return transformers.GPT2Config(
            n_embd=width, n_layer=layers, n_head=heads, n_positions=POSITIONS, **common, **ends
        )
    if model == "scratch-encoder-decoder":
        return transformers.BartConfig(
            d_model=width,
            encoder_layers=layers,
            decoder_layers=layers,
            encoder_attention_heads=heads,
            decoder_attention_heads=heads,
            encoder_ffn_dim=4 * width,
            decoder_ffn_dim=4 * width,
            max_position_embeddings=POSITIONS,
            decoder_start_token_id=last,
            forced_eos_token_id=None,
            **common,
            **ends,
        )
    return ClassicConfig(
        architecture=model.removeprefix("scratch-"),
        hidden_size=width,
        num_hidden_layers=layers,
        **common,
    )
