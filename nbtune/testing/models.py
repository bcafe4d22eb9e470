"""Tiny models and tokenizers, made on the spot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import transformers

from nbtune.data.batches import InMemory
from nbtune.models.scratch import new_tokenizer
from nbtune.models.sources import ModelSource
from nbtune.testing.rows import topic_rows

_SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
_SMALL_PAIR: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 128,
    "forced_eos_token_id": None,
    "decoder_start_token_id": 2,
}

_SMALL_PATCHES: dict[str, Any] = {**_SMALL, "image_size": 16, "patch_size": 4}
_SMALL_IMAGES: dict[str, Any] = {"hidden_sizes": [8, 16], "depths": [1, 1]}


def tiny_tokenizer(texts: Sequence[str] | None = None) -> Any:
    """Train a tokenizer of at most some hundred words on the texts."""
    return new_tokenizer(list(texts) if texts is not None else list(topic_rows(200)["text"]))


def tiny_config(kind: str, vocabulary: int, labels: int = 3) -> Any:
    """Return the configuration of a model of two layers of width 32, by ``model_type``."""
    names: dict[str, dict[str, Any]] = {
        "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
        "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4},
        **{kind: {**_SMALL, "num_key_value_heads": 2} for kind in ("llama", "qwen2", "qwen3")},
        "gemma": {**_SMALL, "num_key_value_heads": 2, "head_dim": 8},
        "electra": {**_SMALL, "embedding_size": 32},
        "modernbert": {**_SMALL, "local_attention": 32, "global_attn_every_n_layers": 2},
        **dict.fromkeys(("bart", "marian"), _SMALL_PAIR),
        "t5": {
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 64,
            "num_layers": 2,
            "num_heads": 4,
            "decoder_start_token_id": 0,
        },
        "resnet": {**_SMALL_IMAGES, "embedding_size": 8, "layer_type": "basic"},
        "convnext": {**_SMALL_IMAGES, "num_stages": 2, "patch_size": 2},
        "swin": {
            "embed_dim": 8,
            "depths": [1, 1],
            "num_heads": [2, 2],
            "window_size": 2,
            "image_size": 16,
            "patch_size": 2,
        },
        **dict.fromkeys(("vit", "deit", "beit", "dinov2"), _SMALL_PATCHES),
        "clip": {
            "text_config": {**_SMALL, **_words(vocabulary)},
            "vision_config": _SMALL_PATCHES,
            "projection_dim": 32,
        },
        "mistral": {**_SMALL, "num_key_value_heads": 2, "sliding_window": 24},
    }
    special = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    return transformers.AutoConfig.for_model(
        kind, vocab_size=vocabulary, num_labels=labels, **special, **names.get(kind, _SMALL)
    )


def _words(vocabulary: int) -> dict[str, Any]:
    """Return what the text tower of CLIP has to know of `tiny_tokenizer`."""
    ends = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    return {"vocab_size": vocabulary, "max_position_embeddings": 64, **ends}


def tiny_image_model_folder(folder: Path, kind: str = "vit", seed: int = 0) -> Path:
    """Write a tiny model for images, by ``model_type``, with all that ``from_pretrained`` reads.

    Its weights are those below a head; CLIP has its text tower and a tokenizer as well.
    """
    tokenizer = tiny_tokenizer()
    torch.manual_seed(seed)
    model = transformers.AutoModel.from_config(tiny_config(kind, len(tokenizer)))
    model.save_pretrained(folder)
    size = {"height": 16, "width": 16}
    if kind == "clip":
        tokenizer.save_pretrained(folder)
        size = {"shortest_edge": 16}
    made = (
        transformers.CLIPImageProcessorPil if kind == "clip" else transformers.ViTImageProcessorPil
    )
    made(size=size, **({"crop_size": 16} if kind == "clip" else {})).save_pretrained(folder)
    return folder


def tiny_model_folder(folder: Path, kind: str = "bert", seed: int = 0) -> Path:
    """Write a tiny model of this kind with a tokenizer, as ``from_pretrained`` reads them."""
    tokenizer = tiny_tokenizer()
    torch.manual_seed(seed)
    model = transformers.AutoModelForSequenceClassification.from_config(
        tiny_config(kind, len(tokenizer))
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_sentence_encoder(
    folder: Path, pooling: str = "pooling_mode_mean_tokens", last: str = "Normalize"
) -> Path:
    """Write a tiny model that makes one vector of a text, as sentence-transformers does."""
    tiny_model_folder(folder)
    config = json.loads((folder / "config.json").read_text()) | {"architectures": ["BertModel"]}
    (folder / "config.json").write_text(json.dumps(config))
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Last", last)]
    parts = [{"path": place, "type": f"sentence_transformers.models.{k}"} for place, k in kinds]
    (folder / "modules.json").write_text(json.dumps(parts))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps({pooling: True}))
    return folder


def tiny_model(kind: str = "bert", labels: int = 3, seed: int = 0) -> Any:
    """Make a tiny model of this kind in memory, with random weights drawn from the seed."""
    torch.manual_seed(seed)
    return transformers.AutoModelForSequenceClassification.from_config(
        tiny_config(kind, len(tiny_tokenizer()), labels)
    )


def encode(frame: pd.DataFrame, tokenizer: Any, max_length: int = 64) -> InMemory:
    """Tokenise rows in memory; labels become ids in sorted order."""
    labels = sorted(set(frame["label"]))
    ids = tokenizer(list(frame["text"]), truncation=True, max_length=max_length)["input_ids"]
    return InMemory([list(row) for row in ids], np.array([labels.index(x) for x in frame["label"]]))


def saved_source(folder: Path) -> ModelSource:
    """Return the source of a model folder."""
    return ModelSource(str(folder), "local", str(folder))
