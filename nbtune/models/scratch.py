"""A small Transformer that starts from nothing, and a tokenizer trained on the same texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tokenizers
import transformers

VOCABULARY = 8_000
LAYERS, WIDTH, HEADS, POSITIONS = 2, 128, 4, 512
_SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}


def new_tokenizer(texts: Sequence[str]) -> Any:
    """Train a lower-casing byte-pair tokenizer (Sennrich et al. 2016) on the texts.

    Pairs are merged over bytes, as in GPT-2: no text has an unknown character, and, unlike
    WordPiece here, the same texts always give the same tokens.
    """
    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.normalizer = tokenizers.normalizers.Lowercase()
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(_SPECIAL.values()),
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    ends = [(token, inner.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    inner.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    inner.decoder = tokenizers.decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, model_max_length=POSITIONS, padding_side="right", **_SPECIAL
    )


def new_config(tokenizer: Any, names: dict[str, Any]) -> Any:
    """Describe a BERT-like encoder of 2 layers and width 128.

    Parameters
    ----------
    names : dict
        What the configuration says about the head: ``num_labels``, ``id2label``, ``label2id``.
    """
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
