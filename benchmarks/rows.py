"""Rows of token ids whose lengths are those of real texts, and models without a download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import transformers

from nbtune.data.batches import InMemory

MEDIAN_TOKENS, P95_TOKENS, LONGEST = 60, 250, 512
VOCABULARY, LABELS, BATCH = 30_522, 8, 16
POPULATION = 12_800

CONFIGS: dict[str, dict[str, Any]] = {
    "minilm": {
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
    },
    "bert-base": {},
}
"""Sizes of BERT by name, beside the defaults, which are those of BERT-base."""
DECODERS: dict[str, dict[str, Any]] = {
    "llama-1b": {
        "hidden_size": 2048,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "intermediate_size": 8192,
    },
    "llama-tiny": {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 128,
    },
}
"""Sizes of Llama by name, which are trained with adapters; the tiny one tries the script out."""


def lognormal_lengths(rows: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Draw lengths as documents have them (Limpert et al. 2001), by median and 95th percentile."""
    sigma = np.log(P95_TOKENS / MEDIAN_TOKENS) / 1.645
    drawn = rng.lognormal(np.log(MEDIAN_TOKENS), sigma, rows)
    return np.clip(drawn, 8, LONGEST).astype(int)


def make_rows(lengths: Sequence[int], vocabulary: int = VOCABULARY, seed: int = 0) -> InMemory:
    """Make rows of random ids of these lengths, with random labels."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(4, vocabulary, size=int(length)).tolist() for length in lengths]
    return InMemory(ids, rng.integers(LABELS, size=len(ids)))


def spread_rows(kind: str, batches: int, seed: int = 0) -> tuple[InMemory, InMemory]:
    """Draw batches of 16 rows: the same rows shuffled, and sorted into batches of like length.

    Parameters
    ----------
    kind : str
        ``lognormal``: batches at even distances in a sorted population of 12,800, which is what
        grouping by length makes at its best. ``drawn``: rows drawn from that population at
        random, sorted among themselves. ``uniform``: 64 tokens each.
    """
    rng = np.random.default_rng(seed)
    if kind == "uniform":
        lengths = np.full(batches * BATCH, 64)
    elif kind == "drawn":
        lengths = np.sort(lognormal_lengths(batches * BATCH, rng))
    else:
        every = np.sort(lognormal_lengths(POPULATION, rng)).reshape(-1, BATCH)
        at = ((np.arange(batches) + 0.5) / batches * len(every)).astype(int)
        lengths = every[at].ravel()
    grouped = make_rows(lengths, seed=seed)
    order = rng.permutation(len(lengths))
    shuffled = InMemory([grouped.ids[i] for i in order], grouped.targets[order])
    return shuffled, grouped


def make_model(size: str, attention_dropout: float = 0.1, labels: int = LABELS) -> Any:
    """Make a classifier of this size with random weights, the same each time."""
    torch.manual_seed(0)
    if size in DECODERS:
        decoder = transformers.LlamaConfig(
            **{"vocab_size": VOCABULARY, **DECODERS[size]}, num_labels=labels, pad_token_id=0
        )
        return transformers.LlamaForSequenceClassification(decoder)
    config = transformers.BertConfig(
        **{"vocab_size": VOCABULARY, **CONFIGS[size]},
        num_labels=labels,
        attention_probs_dropout_prob=attention_dropout,
    )
    return transformers.BertForSequenceClassification(config)


class Free(transformers.PreTrainedModel):
    """A classifier that costs nearly nothing: the mean of embeddings of width 8."""

    config_class = transformers.BertConfig

    def __init__(self) -> None:
        super().__init__(transformers.BertConfig(vocab_size=64, hidden_size=8, num_labels=LABELS))
        self.embedding = torch.nn.Embedding(64, 8)
        self.head = torch.nn.Linear(8, LABELS)

    def get_input_embeddings(self) -> torch.nn.Module:
        """Return the table of ids."""
        return self.embedding

    def forward(self, input_ids: Any, attention_mask: Any = None, labels: Any = None) -> Any:
        """Return logits, and the loss where labels are given."""
        logits = self.head(self.embedding(input_ids).mean(1))
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        return transformers.modeling_outputs.SequenceClassifierOutput(loss=loss, logits=logits)


def flops(model: Any, lengths: Sequence[int]) -> float:
    """Count the floating-point operations of a step over rows of these lengths, without padding.

    6 a weight and token in linear layers, 4 where the weight is frozen; 12 a layer, width and pair
    of tokens in attention, half of them in a decoder (Kaplan et al. 2020, section 2.1; Chowdhery
    et al. 2022, appendix B).
    """
    linear = sum(
        (6 if module.weight.requires_grad else 4) * module.weight.numel()
        for module in model.modules()
        if isinstance(module, torch.nn.Linear)
    )
    config, own = model.config, np.asarray(lengths, dtype=float)
    a_pair = 6 if config.model_type == "llama" else 12
    attention = a_pair * config.num_hidden_layers * config.hidden_size * (own**2).sum()
    return float(linear * own.sum() + attention)
