"""An image and a text together: both towers of CLIP (Radford et al. 2021) under one head.

``AutoModelForImageTextClassification`` stands beside the auto classes of transformers, which have
none for this.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import CLIPConfig, CLIPModel
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.auto.auto_factory import _BaseAutoModelClass
from transformers.models.clip.modeling_clip import CLIPPreTrainedModel


class CLIPForImageTextClassification(CLIPPreTrainedModel):  # type: ignore[misc]
    """One label for each image with its text.

    The head reads both embeddings, of length one as CLIP compares them, and their product, whose
    sum is how well they fit each other: a linear layer over both alone could not tell that.
    """

    main_input_name = "pixel_values"
    base_model_prefix = "clip"

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.clip = CLIPModel(config)
        self.classifier = nn.Linear(3 * config.projection_dim, config.num_labels)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if module is getattr(self, "classifier", None):
            module.reset_parameters()  # its inputs are small: CLIP's own scale would hide them

    def get_input_embeddings(self) -> nn.Module:
        """Return the table of ids."""
        return self.clip.text_model.get_input_embeddings()  # type: ignore[no-any-return]

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the table of ids."""
        self.clip.text_model.set_input_embeddings(value)

    def forward(
        self,
        pixel_values: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Return logits of shape (rows, labels)."""
        seen = self.clip.get_image_features(pixel_values=pixel_values).pooler_output
        read = self.clip.get_text_features(
            input_ids=input_ids, attention_mask=attention_mask
        ).pooler_output
        seen, read = normalize(seen, dim=-1), normalize(read, dim=-1)
        scale = seen.shape[-1] ** 0.5  # so that the numbers of an embedding are near one
        both = torch.cat([scale * seen, scale * read, scale * scale * seen * read], dim=-1)
        return SequenceClassifierOutput(logits=self.classifier(both))


class AutoModelForImageTextClassification(_BaseAutoModelClass):  # type: ignore[misc]
    """Finds the class for an image with a text by the configuration, as transformers does."""

    _model_mapping = {CLIPConfig: CLIPForImageTextClassification}  # noqa: RUF012
