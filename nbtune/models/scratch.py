"""A small Transformer that starts from nothing, and a tokenizer trained on the same texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import tokenizers
import transformers

VOCABULARY = 8_000
LAYERS, WIDTH, HEADS, POSITIONS = 2, 128, 4, 512
_SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
_GAPS = {**_SPECIAL, "mask_token": "[MASK]"}
_WRITING = {"pad_token": "<|pad|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}

Reads = Literal["text", "gaps", "writing"]


def new_tokenizer(texts: Iterable[str], reads: Reads = "text") -> Any:
    """Train a byte-pair tokenizer (Sennrich et al. 2016) on the texts.

    Pairs are merged over bytes, as in GPT-2: no text has an unknown character, and, unlike
    WordPiece here, the same texts always give the same tokens.

    Parameters
    ----------
    reads : {"text", "gaps", "writing"}
        What the model reads: texts, in small letters; the same with a mask for gaps; or what it
        goes on with, letter by letter as it is, with a token for the end.
    """
    if reads == "writing":
        return _writing_tokenizer(texts)
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


def new_config(tokenizer: Any, names: dict[str, Any], *, writes: bool = False) -> Any:
    """Describe a BERT-like encoder of 2 layers and width 128, or a GPT-2-like decoder.

    Parameters
    ----------
    names : dict
        What the configuration says about the head: ``num_labels``, ``id2label``, ``label2id``.
    writes : bool
        Whether it is a decoder, whose tokens see those before them only.
    """
    if writes:
        return transformers.GPT2Config(
            vocab_size=len(tokenizer),
            n_embd=WIDTH,
            n_layer=LAYERS,
            n_head=HEADS,
            n_positions=POSITIONS,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            **names,
        )
    return transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        max_position_embeddings=POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        **names,
    )
