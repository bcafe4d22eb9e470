"""A sentence encoder with a linear head on its one vector a text.

It saves and loads as any model of transformers does; importing this module makes
``AutoModelForSequenceClassification`` know it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput

from nbtune.models.pooling import pool


class PooledConfig(PreTrainedConfig):  # type: ignore[misc]
    """What an encoder and its head are made of.

    Parameters
    ----------
    body : dict
        The configuration of the encoder.
    pooling : str
        One of `nbtune.models.pooling.POOLINGS`.
    scale : float
        What vectors are multiplied by before the head; they have the length 1.
    """

    model_type = "nbtune-pooled"

    def __init__(
        self,
        body: dict[str, Any] | None = None,
        pooling: str = "mean",
        scale: float = 1.0,
        **others: Any,
    ) -> None:
        self.body = body or {"model_type": "bert"}
        self.pooling = pooling
        self.scale = scale
        self.hidden_size = AutoConfig.for_model(**self.body).hidden_size
        super().__init__(**others)


class PooledForSequenceClassification(PreTrainedModel):  # type: ignore[misc]
    """One label for each text, told from its vector."""

    config_class = PooledConfig
    base_model_prefix = "encoder"

    def __init__(self, config: PooledConfig, encoder: Any = None) -> None:
        super().__init__(config)
        self.encoder = (
            AutoModel.from_config(AutoConfig.for_model(**config.body))
            if encoder is None
            else encoder
        )
        if getattr(self.encoder, "pooler", None) is not None:
            self.encoder.pooler = None  # tokens are pooled otherwise here
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        if encoder is None:
            self.post_init()

    @classmethod
    def of(cls, model: Any, pooling: str, scale: float = 1.0) -> PooledForSequenceClassification:
        """Put the encoder of a classifier under a new head, with the same labels."""
        config = model.config
        body = {**config.to_dict(), "model_type": config.model_type}
        names = {"id2label": config.id2label, "label2id": config.label2id}
        own = PooledConfig(body, pooling, scale, pad_token_id=config.pad_token_id, **names)
        return cls(own, model.base_model)

    def get_input_embeddings(self) -> nn.Module:
        """Return the table of ids."""
        return self.encoder.get_input_embeddings()  # type: ignore[no-any-return]

    def _init_weights(self, module: nn.Module) -> None:
        """Leave the head as torch draws it; the encoder has its own way."""

    def vectors(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> Tensor:
        """Return one vector a text, of length 1."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        states = self.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state
        return pool(states, mask, self.config.pooling)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """Return logits of shape (texts, labels)."""
        vectors = self.config.scale * self.vectors(input_ids, attention_mask)
        return SequenceClassifierOutput(logits=self.classifier(vectors))


AutoConfig.register(PooledConfig.model_type, PooledConfig)
AutoModelForSequenceClassification.register(PooledConfig, PooledForSequenceClassification)
